/** One line of an operation: a change of an item's stock at a location. */
export interface ModelLine {
  readonly item: number;
  readonly location: number;
  readonly delta: number;
}

/** How an operation ends: what moved, or the `code` of the refusal. */
export type ModelOutcome = { readonly moved: readonly ModelLine[] } | { readonly refusal: string };

/** The ledger as a person would explain it: a number for each item and location, and a list of what was done. */
export class LedgerModel {
  readonly levels = new Map<string, number>();
  /** What each group moved, by the group's id. */
  readonly groups = new Map<number, readonly ModelLine[]>();
  readonly reversed = new Set<number>();
  /** The group that each key stands for, with the request that it came with. */
  readonly keys = new Map<string, { readonly request: string; readonly group: number }>();

  onHand(item: number, location: number): number {
    return this.levels.get(`${item}/${location}`) ?? 0;
  }

  /** What `post` of these lines will do. */
  judge(lines: readonly ModelLine[]): ModelOutcome {
    const sums = new Map<string, ModelLine>();
    for (const line of lines) {
      const key = `${line.item}/${line.location}`;
      sums.set(key, { ...line, delta: line.delta + (sums.get(key)?.delta ?? 0) });
    }
    const moved = [...sums.values()].filter(({ delta }) => delta !== 0);
    if (moved.length === 0) return { refusal: 'invalid' };
    const enough = moved.every(({ item, location, delta }) => this.onHand(item, location) + delta >= 0);
    return enough ? { moved } : { refusal: 'insufficient_stock' };
  }

  judgeReversal(group: number): ModelOutcome {
    const lines = (this.groups.get(group) ?? []).map((line) => ({ ...line, delta: -line.delta }));
    if (lines.length === 0) return { refusal: 'not_found' };
    const outcome = this.judge(lines);
    return 'moved' in outcome && this.reversed.has(group) ? { refusal: 'already_reversed' } : outcome;
  }

  apply(group: number, moved: readonly ModelLine[]): void {
    this.groups.set(group, moved);
    for (const { item, location, delta } of moved) {
      this.levels.set(`${item}/${location}`, this.onHand(item, location) + delta);
    }
  }
}
