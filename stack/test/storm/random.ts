/** Pseudo-random numbers from a seed (Mulberry32), so that a failed run can be made again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number of at least `minimum` and at most `maximum`. */
  integer(minimum: number, maximum: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return minimum + (((t ^ (t >>> 14)) >>> 0) % (maximum - minimum + 1));
  }

  pick<Entry>(entries: readonly Entry[]): Entry {
    return entries[this.integer(0, entries.length - 1)] as Entry;
  }
}
