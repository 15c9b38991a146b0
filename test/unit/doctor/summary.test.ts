import { describe, expect, it } from 'vitest';
import { diagnosisText } from '../../../src/commands/doctor/text.js';
import { exitCodeOf } from '../../../src/commands/doctor.js';
import type { Outcome } from '../../../src/doctor/check.js';
import { CHECKS } from '../../../src/doctor/registry.js';
import type { CheckResult } from '../../../src/doctor/run.js';
import { createStyle } from '../../../src/output/style.js';
import type { DoctorResult } from '../../../src/services/doctor.js';

function resultOf(...outcomes: Outcome[]): DoctorResult {
  const checks = outcomes.map(
    (outcome, index): CheckResult => ({
      check: CHECKS[index] as (typeof CHECKS)[number],
      outcome,
      findings: [],
      followsFrom: [],
      fixable: false,
      ...(outcome === 'crashed' ? { reason: 'late' } : {}),
    }),
  );
  return { project: 'p', directory: '/p', engine: 'none', checks, rootCauses: [], fixed: [], fixes: [] };
}
const text = (...outcomes: Outcome[]) =>
  diagnosisText(resultOf(...outcomes), createStyle(false), Number.POSITIVE_INFINITY);

describe('the summary', () => {
  it.each<{ outcomes: Outcome[]; code: number }>([
    { outcomes: ['crashed'], code: 1 },
    { outcomes: ['pass', 'crashed'], code: 1 },
    { outcomes: ['pass', 'unknown'], code: 0 },
    { outcomes: ['skip'], code: 0 },
    { outcomes: ['pass', 'fail'], code: 5 },
    { outcomes: ['pass', 'warn'], code: 0 },
    { outcomes: ['fail', 'crashed'], code: 5 },
  ])('says nothing of health after $outcomes', ({ outcomes, code }) => {
    expect(text(...outcomes)).not.toMatch(/✓|Nothing is wrong/);
    expect(exitCodeOf(resultOf(...outcomes), false)).toBe(code);
  });

  it('says that nothing is wrong where each check could judge', () => {
    expect(text('pass', 'info', 'skip')).toMatch(/✓ Nothing is wrong\. 2 passed, 1 skipped/);
    const { checks, ...rest } = resultOf('pass', 'skip');
    const withoutEngine = checks.map((one) =>
      one.outcome === 'skip' ? { ...one, reason: 'no engine: down' } : one,
    );
    const files = diagnosisText(
      { ...rest, checks: withoutEngine },
      createStyle(false),
      Number.POSITIVE_INFINITY,
    );
    expect(files).toMatch(/^Nothing is wrong in the files\. 1 passed/);
    expect(text('pass', 'crashed')).toContain('could not run: late');
  });
});
