import { describe, expect, it } from 'vitest';
import type { TableChange } from '../../../../src/backup/protection/table-changes.js';
import { historyLines, likelyAccident } from '../../../../src/services/protection/history-lines.js';

type Rows = Partial<Pick<TableChange, 'inserted' | 'updated' | 'deleted' | 'whole'>>;

/** Newest first, as they are read. */
const history = (...changes: Rows[]): TableChange[] =>
  changes.map((rows, index) => ({
    transaction: 1000 - index,
    committedAt: new Date(1_000_000 - index * 1000),
    lsn: BigInt(1000 - index),
    inserted: 0,
    updated: 0,
    deleted: 0,
    whole: null,
    ...rows,
  }));
const times = (count: number, rows: Rows): Rows[] => Array.from({ length: count }, () => rows);
const told = (changes: TableChange[]) =>
  historyLines(changes).map(({ transaction, transactions, first, inserted, updated, deleted }) => [
    ...[transaction, first.transaction, transactions],
    ...[inserted, updated, deleted],
  ]);

describe('lines of a history', () => {
  it('leave an accident alone between what an app does all day', () => {
    const changes = history(
      ...times(600, { inserted: 1 }),
      { deleted: 5000 },
      ...times(300, { inserted: 2 }),
    );
    expect(told(changes)).toEqual([
      [1000, 401, 600, 600, 0, 0],
      [400, 400, 1, 0, 0, 5000],
      [399, 100, 300, 600, 0, 0],
    ]);
    expect(likelyAccident(historyLines(changes))?.transaction).toBe(400);
  });

  it('tell one row that was deleted between rows that were added, and an update of all between those of one', () => {
    const one = history(...times(9, { inserted: 1 }), { deleted: 1 }, ...times(9, { inserted: 1 }));
    expect(told(one).map(([, , , , , deleted]) => deleted)).toEqual([0, 1, 0]);
    const all = history(...times(9, { updated: 3 }), { updated: 800 }, ...times(9, { updated: 3 }));
    expect(told(all).map(([, , , , updated]) => updated)).toEqual([27, 800, 27]);
    expect(likelyAccident(historyLines(all))?.updated).toBe(800);
  });

  it('are one each where few are alike, and never several of what concerned the whole table', () => {
    expect(told(history(...times(3, { inserted: 1 })))).toHaveLength(3);
    expect(told(history(...times(9, { whole: 'truncated' })))).toHaveLength(9);
    const gone = historyLines(history({ deleted: 9000 }, { whole: 'truncated' }, { whole: 'created' }));
    expect(likelyAccident(gone)?.whole).toBe('truncated');
    expect(likelyAccident([])).toBeUndefined();
  });
});
