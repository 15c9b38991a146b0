import { decimalsOf, MOST_DECIMALS, tenThousandthsOf } from './quantities.js';

/** A change of one item's stock at one location. */
export interface Line {
  readonly itemId: number;
  readonly locationId: number;
  /** Ten-thousandths of the item's unit to add; negative to take away. */
  readonly delta: number;
  /** How many decimals the quantity was written with. */
  readonly decimals: number;
  /** Which line of the request it is, from 0. */
  readonly index: number;
}

/** @param quantity to add; negative to take away. */
export function lineOf(itemId: number, locationId: number, quantity: number, index: number): Line {
  const decimals = decimalsOf(quantity) ?? MOST_DECIMALS;
  return { itemId, locationId, delta: tenThousandthsOf(quantity), decimals, index };
}

/**
 * One line for each item and location, in the order in which every operation locks them. Lines that cancel out
 * disappear.
 */
export function combineLines(lines: readonly Line[]): Line[] {
  const sums = new Map<string, Line>();
  for (const line of lines) {
    const key = `${line.itemId}/${line.locationId}`;
    const others = sums.get(key);
    // Of those that are summed, the one with the most decimals is the one to refuse.
    const finest = others && others.decimals >= line.decimals ? others : line;
    sums.set(key, { ...finest, delta: line.delta + (others?.delta ?? 0) });
  }
  return [...sums.values()]
    .filter((line) => line.delta !== 0)
    .sort((a, b) => a.itemId - b.itemId || a.locationId - b.locationId);
}
