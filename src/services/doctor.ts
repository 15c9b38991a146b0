import type { Check, Finding, FixStep } from '../doctor/check.js';
import { type Facts, gatherFacts } from '../doctor/facts.js';
import { applyFixes, type FixOutcome } from '../doctor/fix/apply.js';
import { locateBroken } from '../doctor/reading.js';
import { CHECKS } from '../doctor/registry.js';
import { type CheckResult, rootCauses, runChecks, withoutFutileFixes } from '../doctor/run.js';
import type { EngineKind } from '../engine/engine.js';
import { rememberedEngine } from '../engine/select.js';
import { usageError } from '../errors.js';
import { nearest } from '../project/nearest.js';
import { settingsIn } from '../project/present-settings.js';
import { withProjectLock } from '../system/lock.js';
import type { ServiceContext } from './context.js';
import { findDeployed } from './deploy/deployed-project.js';

/** How long `--fix` waits for the lock of the project, in milliseconds. */
const LOCK_WAIT_MS = 10_000;
/** Each round may uncover a fault behind the one that it fixed. */
const MOST_FIX_ROUNDS = 5;
/** The second fix of a finding may mend what another fix did after the first; more of them help nobody. */
const MOST_TRIES = 2;

export interface DoctorInput {
  /** Ids; empty: all. */
  only: readonly string[];
  skip: readonly string[];
  production: boolean;
  /** The engine that `--engine` names. */
  engine: 'auto' | EngineKind;
  fix?: {
    agrees(step: FixStep): Promise<boolean>;
    declined: string;
  };
}

export interface DoctorResult {
  project: string;
  directory: string;
  engine: 'docker' | 'embedded' | 'none';
  /** Where the production checklist was judged, if not by the files. */
  deployed?: { orchestrator: 'swarm' | 'k8s' | 'unread'; place: string };
  checks: CheckResult[];
  rootCauses: string[];
  /** Ids that failed before the fixes and pass now. */
  fixed: string[];
  /** What the fixes did, and what they did not do. */
  fixes: FixOutcome[];
}

/**
 * Examines the project in `directory`, and with `fix` fixes what can be fixed and examines it again.
 * @throws UserError NO_PROJECT, CONFIG_INVALID (exit 4), USAGE for an unknown id (exit 2), PROJECT_LOCKED
 * (exit 9)
 */
export async function examine(context: ServiceContext, input: DoctorInput): Promise<DoctorResult> {
  const checks = chooseChecks(input);
  const first = await examineOnce(context, checks, input.engine);
  if (!input.fix) return resultOf(first, [], []);
  const { fix } = input;
  return withProjectLock(
    first.facts.location,
    { command: 'invctl doctor --fix', waitMs: LOCK_WAIT_MS, signal: context.signal },
    async () => {
      const fixes = new Map<string, FixOutcome>();
      const tries = new Map<string, number>();
      let last = first;
      for (let round = 0; round < MOST_FIX_ROUNDS; round += 1) {
        const made = await applyFixes(last.facts, last.results, fix);
        for (const one of made) fixes.set(`${one.id}\n${one.summary}`, one);
        if (!made.some(({ applied }) => applied)) break;
        for (const key of fixedFindings(last.results, made)) tries.set(key, (tries.get(key) ?? 0) + 1);
        last = await examineOnce(context, checks, input.engine);
        last.results = last.results.map((result) =>
          withoutFutileFixes(result, (finding) => (tries.get(keyOf(result, finding)) ?? 0) >= MOST_TRIES),
        );
      }
      const red = (results: readonly CheckResult[]) =>
        new Set(results.filter(({ findings }) => findings.length > 0).map(({ check }) => check.id));
      const after = red(last.results);
      const done = [...fixes.values()];
      const touched = new Set(done.filter(({ applied }) => applied).map(({ id }) => id));
      const fixed = [...touched].filter((id) => !after.has(id));
      return resultOf(last, fixed, done);
    },
  );
}

/** The findings for which each step was made. */
function fixedFindings(results: readonly CheckResult[], made: readonly FixOutcome[]): string[] {
  const left = new Set(made.filter(({ applied }) => !applied).map(({ id }) => id));
  const applied = new Set(made.map(({ id }) => id).filter((id) => !left.has(id)));
  return results
    .filter(({ check }) => applied.has(check.id))
    .flatMap((result) =>
      result.findings.filter(({ fixable }) => fixable).map((finding) => keyOf(result, finding)),
    );
}

function keyOf({ check }: CheckResult, { message }: Finding): string {
  return `${check.id}\n${message}`;
}

interface Examination {
  facts: Facts;
  results: CheckResult[];
}

async function examineOnce(
  context: ServiceContext,
  checks: readonly Check[],
  engine: DoctorInput['engine'],
): Promise<Examination> {
  const facts = await gatherProjectFacts(context, engine);
  return { facts, results: await runChecks(checks, facts) };
}

/** The facts of the project in the context's folder, whatever is wrong with it. */
async function gatherProjectFacts(context: ServiceContext, engine: DoctorInput['engine']): Promise<Facts> {
  const { location, problems } = locateBroken(
    context.directory,
    context.env,
    context.environment,
    context.host,
  );
  const onDocker = location.host || location.environment?.context !== undefined ? 'docker' : undefined;
  const choice = engine === 'auto' ? (onDocker ?? (await rememberedEngine(location))) : engine;
  return gatherFacts({
    location,
    problems,
    env: context.env,
    processes: context.processes,
    settings: await settingsIn(location),
    signal: context.signal,
    choice,
    warn: context.warn,
    deployed: (project) => findDeployed(context, location, async () => project),
  });
}

async function resultOf(
  { facts, results }: Examination,
  fixed: string[],
  fixes: FixOutcome[],
): Promise<DoctorResult> {
  const { kind } = await facts.engine();
  const judged = results.some(({ check }) => check.chapter === 'production');
  const deployed = judged ? await facts.deployed() : undefined;
  return {
    project: facts.location.name,
    directory: facts.location.directory,
    engine: kind,
    ...(deployed
      ? {
          deployed: {
            orchestrator: 'unread' in deployed ? 'unread' : deployed.orchestrator,
            place: deployed.place,
          },
        }
      : {}),
    checks: results,
    rootCauses: rootCauses(results),
    fixed,
    fixes,
  };
}

/** @throws UserError USAGE for an unknown id */
function chooseChecks({
  only,
  skip,
  production,
}: Pick<DoctorInput, 'only' | 'skip' | 'production'>): Check[] {
  const known = CHECKS.map(({ id }) => id);
  for (const id of [...only, ...skip]) {
    if (known.includes(id)) continue;
    const near = nearest(id, known);
    throw usageError(`there is no check "${id}"`, near ? `did you mean ${near}?` : 'invctl doctor --list');
  }
  return CHECKS.filter(
    ({ id, chapter }) =>
      !skip.includes(id) && (only.length > 0 ? only.includes(id) : production || chapter !== 'production'),
  );
}
