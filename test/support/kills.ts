import { OPERATIONS } from '../../src/services/operations.js';
import { faultSteps } from './fault-counts.js';

/** Where a CLI is killed, and the step that its journal has then; undefined: there is no entry yet. */
export type Kill = [step: string, when: 'before' | 'after', noted: string | undefined];

/**
 * A kill before and one after each step of an operation is noted, in the order of its steps.
 * `test/unit/services/operations.test.ts` sees to it that each operation's steps are all asked for.
 */
export function killsOf(
  name: string,
  { only, without }: { only?: string; without?: string } = {},
): readonly Kill[] {
  const steps = OPERATIONS.find((operation) => operation.name === name)?.steps;
  if (!steps) throw new Error(`there is no operation ${name}`);
  return steps
    .flatMap((step, i): Kill[] => [
      [step, 'before', steps[i - 1]],
      [step, 'after', step],
    ])
    .filter(([step]) => (only === undefined || step === only) && step !== without);
}

/**
 * What the usual suites have time for, of an operation that is slow to begin: one kill before each step is noted, when
 * the work of the step before it is done and nothing says so, and one after the last. All of them with FAULT_STEPS=all.
 */
export function someOf(kills: readonly Kill[]): readonly Kill[] {
  const usual = kills.filter(([, when], i) => when === 'before' || i === kills.length - 1);
  return faultSteps(
    usual,
    kills.filter((kill) => !usual.includes(kill)),
  );
}
