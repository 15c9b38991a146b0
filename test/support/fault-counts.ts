/**
 * How many of a kind of fault a test injects: a few that fit the usual suites, or what `npm run test:faults` or a
 * person sets in the environment.
 */
export function faultCount(
  name: 'FAULT_CUTS' | 'FAULT_FLIPS' | 'FAULT_COPY_LINES' | 'FAULT_KILLS',
  usual: number,
): number {
  const count = Number(process.env[name] || usual);
  if (!Number.isInteger(count) || count < 1) throw new Error(`${name}=${process.env[name]} is no count`);
  return count;
}

/** `count` whole numbers spread evenly over 0 … `length - 1`, the first and the last among them. */
export function spread(count: number, length: number): number[] {
  const last = Math.min(count, length) - 1;
  return Array.from({ length: last + 1 }, (_, i) => (last === 0 ? 0 : Math.round((i * (length - 1)) / last)));
}

/** Whether faults are injected that the usual suites have no time for: `FAULT_STEPS=all`. */
export const atFullSize = process.env.FAULT_STEPS === 'all';

/** All of a list with `FAULT_STEPS=all`, else the part that the usual suites have time for. */
export function faultSteps<T>(usual: readonly T[], others: readonly T[]): readonly T[] {
  return atFullSize ? [...usual, ...others] : usual;
}
