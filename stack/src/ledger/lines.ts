/** A change of one item's stock at one location. */
export interface Line {
  readonly itemId: number;
  readonly locationId: number;
  /** Units to add; negative to take away. */
  readonly delta: number;
}

/**
 * One line for each item and location, in the order in which every operation locks them. Lines that cancel out
 * disappear.
 */
export function combineLines(lines: readonly Line[]): Line[] {
  const sums = new Map<string, Line>();
  for (const line of lines) {
    const key = `${line.itemId}/${line.locationId}`;
    sums.set(key, { ...line, delta: line.delta + (sums.get(key)?.delta ?? 0) });
  }
  return [...sums.values()]
    .filter((line) => line.delta !== 0)
    .sort((a, b) => a.itemId - b.itemId || a.locationId - b.locationId);
}
