/**
 * As `Promise.all`, but waits until each has ended: what goes on after an error cannot be taken back.
 * @throws the first error in the order of the list.
 */
export async function allEnded<T extends readonly unknown[]>(
  steps: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  await Promise.allSettled(steps);
  return Promise.all(steps) as unknown as Promise<T>;
}
