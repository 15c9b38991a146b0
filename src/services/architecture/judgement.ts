import type { JudgedCheck } from '../../architecture/stack.js';
import { CHAPTERS } from '../../doctor/check.js';
import { type Facts, gatherFacts } from '../../doctor/facts.js';
import type { Reading } from '../../doctor/reading.js';
import { CHECKS } from '../../doctor/registry.js';
import { type CheckResult, runChecks } from '../../doctor/run.js';
import { ExitCode, UserError } from '../../errors.js';
import { settingsIn } from '../../project/present-settings.js';
import type { ServiceContext } from '../context.js';

/** Checks whose verdict follows from the compose files and Dockerfiles alone, on every machine. */
const FROM_FILES: readonly string[] = [
  'compose.version',
  'db.localhost',
  'db.network',
  'db.depends-short',
  'db.ready-race',
  'db.no-healthcheck',
  'secret.unlisted',
  'secret.app-path',
  'db.both-set',
  'port.internal',
  'port.mismatch',
  'db.pg18-path',
  'db.published',
  'sec.exposure',
  'sec.user',
  'sec.caps',
  'sec.image',
  'sec.literal',
];

/** Items of the production checklist that only the production machine can answer. */
const FROM_MACHINE: Readonly<Record<string, string>> = {
  'prod.backups': 'the backups are on the machine that makes them',
};

export interface Judgement {
  checks: JudgedCheck[];
  checklist: JudgedCheck[];
  facts: Facts;
}

/**
 * Runs the doctor's checks that judge the files of the repository.
 *
 * @param perMachine whether each machine has its own version of the file that a finding is in
 */
export async function judge(
  context: ServiceContext,
  reading: Reading,
  words: { path(path: string): string; text(text: string): string; perMachine(file: string): boolean },
): Promise<Judgement> {
  const facts = await gatherFacts({
    location: reading.location,
    problems: [],
    env: {},
    processes: context.processes,
    settings: await settingsIn(reading.location),
    signal: context.signal,
    choice: undefined,
    reading,
    absent: new UserError({
      code: 'ENGINE_NOT_ASKED',
      message: 'the document is made of files alone',
      exitCode: ExitCode.engineUnavailable,
    }),
  });
  const checks = CHECKS.filter(({ id, chapter }) => FROM_FILES.includes(id) || chapter === 'production');
  const results = await runChecks(checks, facts);
  const judged = results.map((result) => judgedCheck(result, words));
  return {
    facts,
    checks: judged.filter((_, index) => results[index]?.check.chapter !== 'production'),
    checklist: judged.filter((_, index) => results[index]?.check.chapter === 'production'),
  };
}

function judgedCheck(
  { check, outcome, reason, findings }: CheckResult,
  words: { path(path: string): string; text(text: string): string; perMachine(file: string): boolean },
): JudgedCheck {
  const common = { id: check.id, title: check.title, chapter: CHAPTERS[check.chapter] };
  const told = findings.map(({ message, file }) => ({
    message: words.text(message),
    ...(file === undefined ? {} : { file: words.path(file) }),
  }));
  const ofMachine = FROM_MACHINE[check.id];
  if (ofMachine !== undefined) return { ...common, outcome: 'machine', reason: ofMachine, findings: [] };
  const decided = findings.filter(({ file }) => file === undefined || !words.perMachine(file));
  if (findings.length > 0 && decided.length === 0) {
    const files = [...new Set(told.flatMap(({ file }) => file ?? []))];
    return {
      ...common,
      outcome: 'machine',
      reason: `each machine decides in ${files.map((path) => `\`${path}\``).join(', ')}`,
      findings: [],
    };
  }
  return {
    ...common,
    outcome: outcome === 'crashed' ? 'unknown' : outcome,
    ...(reason === undefined ? {} : { reason: words.text(reason) }),
    findings: told,
  };
}
