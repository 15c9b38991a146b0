import type { Finding, FixStep } from '../check.js';
import type { Facts } from '../facts.js';
import type { CheckResult } from '../run.js';

/** A step that was done, or that was not, and why. */
export interface FixOutcome {
  id: string;
  summary: string;
  diff?: string;
  applied: boolean;
  /** Why it was not done. */
  reason?: string;
}

export interface FixPolicy {
  /** Asks whether to do a fix that needs a yes. */
  agrees(step: FixStep): Promise<boolean>;
  /** The reason to report when the answer is no. */
  declined: string;
}

/**
 * Applies the fixes of the findings. Causes are fixed first and then everything is probed again, so that a
 * check that was only a consequence is never touched. A step that fails is reported with its reason, and the
 * others go on.
 */
export async function applyFixes(
  facts: Facts,
  results: readonly CheckResult[],
  policy: FixPolicy,
): Promise<FixOutcome[]> {
  const outcomes: FixOutcome[] = [];
  for (const { check, findings, followsFrom } of results) {
    const { fix, id } = check;
    if (!fix || followsFrom.length > 0) continue;
    for (const step of await stepsFor(findings)) {
      const told = { id, summary: step.summary, ...(step.diff === undefined ? {} : { diff: step.diff }) };
      if ((fix.safety === 'ask' || step.ask) && !(await policy.agrees(step))) {
        outcomes.push({ ...told, applied: false, reason: policy.declined });
        continue;
      }
      try {
        await step.apply();
        outcomes.push({ ...told, applied: true });
      } catch (error) {
        facts.signal.throwIfAborted();
        const reason = facts.mask(error instanceof Error ? error.message : String(error));
        outcomes.push({ ...told, applied: false, reason: reason.split('\n')[0] as string });
      }
    }
  }
  return outcomes;
}

/** The steps that mend the findings, each once: one that mends several is given by all of them. */
async function stepsFor(findings: readonly Finding[]): Promise<FixStep[]> {
  const steps = new Map<string, FixStep>();
  for (const { mend } of findings) {
    for (const step of (await mend?.()) ?? []) {
      if (!steps.has(step.summary)) steps.set(step.summary, step);
    }
  }
  return [...steps.values()];
}
