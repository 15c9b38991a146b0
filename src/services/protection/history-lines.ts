import type { TableChange } from '../../backup/protection/table-changes.js';

/** Fewer changes that are alike have a line each. */
const ALIKE_LEAST = 4;

/** Changes one after the other that are alike, added up; or one change. */
export interface HistoryLine extends TableChange {
  /** Number of transactions. The line's own is the newest. */
  transactions: number;
  /** The oldest of them. */
  first: Pick<TableChange, 'transaction' | 'committedAt'>;
}

/**
 * Takes together what an app does all day, so that what it does not do all day stands out: transactions one
 * after the other that did the same to about as many rows.
 * @param changes newest first, as the lines are.
 */
export function historyLines(changes: readonly TableChange[]): HistoryLine[] {
  const runs: TableChange[][] = [];
  for (const change of changes) {
    const run = runs.at(-1);
    const [newest] = run ?? [];
    if (run && newest && change.whole === null && kindOf(newest) === kindOf(change)) run.push(change);
    else runs.push([change]);
  }
  return runs.flatMap((run) =>
    run.length < ALIKE_LEAST ? run.map((change) => lineOf([change])) : [lineOf(run)],
  );
}

/**
 * The change before which somebody most likely wants a table: the newest that took or replaced the whole of it,
 * else the one that deleted or updated the most rows, else the newest. Undefined: there are none.
 */
export function likelyAccident(lines: readonly HistoryLine[]): HistoryLine | undefined {
  const lost = ({ whole, deleted, updated, transactions }: HistoryLine) =>
    whole === 'truncated' || whole === 'dropped'
      ? Number.POSITIVE_INFINITY
      : (deleted + updated) / transactions;
  let most = lines[0];
  for (const line of lines) if (most && lost(line) > lost(most)) most = line;
  return most;
}

function kindOf({ whole, inserted, updated, deleted }: TableChange): string {
  return [whole, ...[inserted, updated, deleted].map((rows) => String(rows || '').length)].join();
}

function lineOf(run: readonly TableChange[]): HistoryLine {
  const newest = run[0] as TableChange;
  const sum = (rows: 'inserted' | 'updated' | 'deleted') => run.reduce((all, one) => all + one[rows], 0);
  return {
    ...newest,
    inserted: sum('inserted'),
    updated: sum('updated'),
    deleted: sum('deleted'),
    transactions: run.length,
    first: run.at(-1) as TableChange,
  };
}
