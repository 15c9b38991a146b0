import { table } from '../../output/table.js';
import type { RowDifference } from '../../services/database/restored.js';

/** Rows of tables now and after a restore. */
export function rowTable(rows: readonly RowDifference[]): string {
  const cell = (rowsOf: number | null) => (rowsOf === null ? '-' : rowsOf.toLocaleString('en'));
  return table(
    ['ROWS NOW', 'AFTER', 'DIFFERENCE', 'TABLE'],
    rows.map(({ table: name, before, after }) => {
      const difference = (after ?? 0) - (before ?? 0);
      return [
        cell(before),
        cell(after),
        `${difference > 0 ? '+' : ''}${difference.toLocaleString('en')}`,
        name,
      ];
    }),
  );
}
