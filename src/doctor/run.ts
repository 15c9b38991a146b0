import { UserError } from '../errors.js';
import { redact } from '../system/secret.js';
import type { Check, Finding, Outcome, Severity, Verdict } from './check.js';
import type { Facts } from './facts.js';

/** How long one probe may take on an idle machine, in milliseconds. */
const PROBE_TIMEOUT_MS = 10_000;
/**
 * A probe asks the engine several things: its limit is at least this many times the duration of the engine's
 * first answer.
 */
const ANSWERS_A_PROBE = 20;
const LONGEST_PROBE_MS = 120_000;

/**
 * A probe that took too long, because of a busy machine or a slow engine, not because of a mistake in the
 * check.
 */
class LateProbe extends Error {
  override readonly name = 'LateProbe';
}

export interface CheckResult {
  check: Check;
  outcome: Outcome;
  /** Why it was skipped, muted, ignored, unknown or crashed. */
  reason?: string;
  findings: JudgedFinding[];
  /** Ids of the checks that explain these findings; a check with such ids is muted. */
  followsFrom: string[];
  /** `--fix` can fix one of the findings or more. */
  fixable: boolean;
}

/** A finding of which it is known whether a step of `--fix` mends it. */
export interface JudgedFinding extends Finding {
  fixable: boolean;
}

/**
 * Runs probes in parallel and returns results in the order of the checks. A probe that throws or hangs is a
 * result, too. Findings are divided into causes and their consequences.
 */
export async function runChecks(
  checks: readonly Check[],
  facts: Facts,
  timeoutMs = PROBE_TIMEOUT_MS,
): Promise<CheckResult[]> {
  const results = await Promise.all(checks.map((check) => runCheck(check, facts, timeoutMs)));
  return muteConsequences(results, checks);
}

async function runCheck(check: Check, facts: Facts, timeoutMs: number): Promise<CheckResult> {
  const result = (outcome: Outcome, fields: Partial<CheckResult> = {}): CheckResult => ({
    check,
    outcome,
    findings: [],
    followsFrom: [],
    fixable: false,
    ...fields,
  });
  try {
    const lacking = await lackOf(check, facts);
    if (lacking !== undefined) return result('skip', { reason: lacking });
    const verdict = await within(
      () => Math.min(LONGEST_PROBE_MS, Math.max(timeoutMs, ANSWERS_A_PROBE * facts.engineAnswerMs())),
      (async () => check.probe(facts))(),
    );
    if ('skip' in verdict) return result('skip', { reason: verdict.skip });
    if ('unknown' in verdict) return result('unknown', { reason: verdict.unknown });
    if (verdict.length === 0) return result('pass');
    const weight = ({ severity }: Finding) => WEIGHT[severity ?? check.severity];
    const findings = (await Promise.all(verdict.map((finding) => judged(finding, check)))).sort(
      (a, b) => weight(b) - weight(a),
    );
    const outcome = worst(findings.map(({ severity }) => severity ?? check.severity));
    const fixable = findings.some((finding) => finding.fixable);
    return withIgnored(result(outcome, { findings, fixable }), facts);
  } catch (error) {
    facts.signal.throwIfAborted();
    return result('crashed', { reason: crashReason(error, check.id) });
  }
}

/** Nothing is said to be fixable, nor to be typed for it, but what has a step. */
async function judged(finding: Finding, check: Check): Promise<JudgedFinding> {
  const steps = check.fix === undefined ? [] : ((await finding.mend?.()) ?? []);
  const told = { why: check.why, ...finding };
  return steps.length > 0 ? { ...told, fixable: true } : unfixable(told);
}

/** A finding that is left to a person. */
function unfixable({ mend: _, ...finding }: Finding): JudgedFinding {
  const byHand = finding.nextByHand === undefined ? {} : { next: finding.nextByHand };
  return { ...finding, ...byHand, fixable: false };
}

/** The result with the findings that `isFutile` names left to a person: their fix was made, and did not help. */
export function withoutFutileFixes(
  result: CheckResult,
  isFutile: (finding: JudgedFinding) => boolean,
): CheckResult {
  const findings = result.findings.map((finding) => (isFutile(finding) ? unfixable(finding) : finding));
  return { ...result, findings, fixable: findings.some(({ fixable }) => fixable) };
}

/** A check that `invctl.yaml` ignores is reported as skipped. */
function withIgnored(result: CheckResult, facts: Facts): CheckResult {
  const ignored = facts.settings?.doctor.ignore.find(({ id }) => id === result.check.id);
  if (!ignored) return result;
  return {
    ...result,
    outcome: 'skip',
    findings: [],
    fixable: false,
    reason: `ignored in invctl.yaml: ${ignored.reason}`,
  };
}

async function lackOf({ needs }: Check, facts: Facts): Promise<string | undefined> {
  if (needs.includes('config') && !facts.reading.project) return 'the project cannot be read';
  if (!needs.some((need) => need === 'engine' || need === 'docker' || need === 'database')) return undefined;
  const engine = await facts.engine();
  if (engine.kind === 'none') return `no engine: ${engine.error.message.split('\n')[0]}`;
  if (needs.includes('docker') && !(await facts.survey())) {
    return 'the stack runs without Docker (embedded engine)';
  }
  if (needs.includes('database')) {
    if (!facts.database) {
      return facts.databases.length === 0
        ? 'no service of this project is a PostgreSQL'
        : 'more than one service is a PostgreSQL; name one in invctl.yaml: services.database';
    }
    const status = (await facts.status()).find(({ name }) => name === facts.database?.name);
    if (status?.state !== 'running') return 'the database is not running';
  }
  return undefined;
}

/** @param limitMs asked again when it has passed: by then it may be known that the engine is slow. */
async function within(limitMs: () => number, verdict: Promise<Verdict>): Promise<Verdict> {
  const started = Date.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const look = () => {
      const limit = limitMs();
      const left = limit - (Date.now() - started);
      if (left > 0) timer = setTimeout(look, left);
      else reject(new LateProbe(`no answer within ${limit / 1000} s`));
    };
    look();
  });
  try {
    return await Promise.race([verdict, late]);
  } finally {
    clearTimeout(timer);
  }
}

function crashReason(error: unknown, id: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const text = redact(message.split('\n')[0] ?? '');
  if (error instanceof LateProbe || (error instanceof Error && error.name === 'TimeoutError')) {
    return `${text}: the machine or the engine is slow. To try again: invctl doctor --only ${id}`;
  }
  if (error instanceof UserError) return error.hint ? `${text}. Next: ${error.hint}` : text;
  return `a bug in this check, or in invctl: ${text}`;
}

const WEIGHT: Record<Severity, number> = { fail: 2, warn: 1, info: 0 };

function worst(severities: readonly Severity[]): Severity {
  return severities.reduce((a, b) => (WEIGHT[b] > WEIGHT[a] ? b : a));
}

/**
 * Mutes a check whose cause was found: it keeps its findings and names the cause. A cause may be the
 * consequence of another one; only a check without a cause is a root cause.
 */
function muteConsequences(results: readonly CheckResult[], checks: readonly Check[]): CheckResult[] {
  const byId = new Map(results.map((result) => [result.check.id, result]));
  const requirements = new Map(checks.map(({ id, requires }) => [id, requires]));
  const causesOf = (id: string, seen: ReadonlySet<string>): string[] =>
    (requirements.get(id) ?? []).flatMap((required) => {
      if (seen.has(required)) return [];
      const deeper = causesOf(required, new Set([...seen, required]));
      if (deeper.length > 0) return deeper;
      return byId.get(required)?.outcome === 'fail' ? [required] : [];
    });
  return results.map((result) => {
    if (result.findings.length === 0) return result;
    const followsFrom = [...new Set(causesOf(result.check.id, new Set([result.check.id])))];
    if (followsFrom.length === 0) return result;
    return { ...result, outcome: 'skip', followsFrom, reason: `follows from ${followsFrom.join(', ')}` };
  });
}

/** Ids of the checks that need a fix, the worst first. A finding without a next step is not a cause. */
export function rootCauses(results: readonly CheckResult[]): string[] {
  const open = results.filter(
    ({ findings, followsFrom }) =>
      followsFrom.length === 0 && findings.some(({ next }) => next !== undefined),
  );
  return (['fail', 'warn', 'info'] as const).flatMap((severity) =>
    open.filter(({ outcome }) => outcome === severity).map(({ check }) => check.id),
  );
}
