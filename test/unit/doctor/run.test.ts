import { describe, expect, it } from 'vitest';
import { type Check, defineCheck, type Verdict } from '../../../src/doctor/check.js';
import type { Facts } from '../../../src/doctor/facts.js';
import { rootCauses, runChecks } from '../../../src/doctor/run.js';

const facts = {
  signal: new AbortController().signal,
  reading: { project: {} },
  engineAnswerMs: () => 0,
  settings: { doctor: { ignore: [{ id: 'silenced', reason: 'we know' }] } },
} as unknown as Facts;

function check(id: string, probe: () => Verdict | Promise<Verdict>, more: Partial<Check> = {}): Check {
  return defineCheck({
    id,
    chapter: 'host',
    title: id,
    severity: 'fail',
    why: 'why',
    docs: '',
    needs: ['files'],
    probe,
    ...more,
  });
}
const found: Verdict = [{ message: 'broken', next: 'mend it' }];

describe('the runner', () => {
  it('survives a probe that throws, and one that never answers', async () => {
    const results = await runChecks(
      [
        check('throws', () => {
          throw new Error('PASSWORD=hunter2 is no number');
        }),
        check('rejects', () => Promise.reject(new TypeError('x is undefined'))),
        check('hangs', () => new Promise(() => {})),
        check('finds', () => found),
      ],
      facts,
      50,
    );
    expect(results.map(({ outcome }) => outcome)).toEqual(['crashed', 'crashed', 'crashed', 'fail']);
    expect(results[0]?.reason).toContain('bug');
    expect(results[0]?.reason).not.toContain('hunter2');
    expect(results[2]?.reason).toContain('0.05 s');
    expect(results[2]?.reason).toContain('invctl doctor --only hangs');
    expect(results[2]?.reason).not.toContain('bug');
  });

  it('gives a probe more time where the engine is slow to answer', async () => {
    const slow = check('slow', () => new Promise((resolve) => setTimeout(() => resolve([]), 150)));
    const on = (ms: number) => runChecks([slow], { ...facts, engineAnswerMs: () => ms }, 30);
    expect((await on(1))[0]?.outcome).toBe('crashed');
    expect((await on(1000))[0]?.outcome).toBe('pass');
  });

  it('answers in declared order, whoever is first', async () => {
    const slow = check('slow', () => new Promise((resolve) => setTimeout(() => resolve([]), 20)));
    const results = await runChecks([slow, check('fast', () => [])], facts);
    expect(results.map((one) => one.check.id)).toEqual(['slow', 'fast']);
  });

  it('mutes what follows from a cause, through a check in between that found nothing itself', async () => {
    const results = await runChecks(
      [
        check('symptom', () => found, { requires: ['middle'] }),
        check('middle', () => [], { requires: ['cause'] }),
        check('cause', () => found),
        check('apart', () => found),
      ],
      facts,
    );
    expect(results[0]).toMatchObject({
      outcome: 'skip',
      followsFrom: ['cause'],
      reason: 'follows from cause',
    });
    expect(rootCauses(results)).toEqual(['cause', 'apart']);
  });

  it('is not muted by a warning', async () => {
    const results = await runChecks(
      [
        check('symptom', () => found, { requires: ['cause'] }),
        check('cause', () => found, { severity: 'warn' }),
      ],
      facts,
    );
    expect(rootCauses(results)).toEqual(['symptom', 'cause']);
  });

  it('puts the worst first, and leaves out what asks for nothing', async () => {
    const results = await runChecks(
      [
        check('note', () => [{ message: 'as it should be' }], { severity: 'info' }),
        check('hint', () => found, { severity: 'info' }),
        check('warning', () => found, { severity: 'warn' }),
        check('failure', () => found),
      ],
      facts,
    );
    expect(rootCauses(results)).toEqual(['failure', 'warning', 'hint']);
  });

  it('shows what is silenced, with its reason', async () => {
    const [result] = await runChecks([check('silenced', () => found)], facts);
    expect(result).toMatchObject({
      outcome: 'skip',
      findings: [],
      reason: 'ignored in invctl.yaml: we know',
    });
  });
});
