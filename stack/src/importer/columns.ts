import { z } from 'zod';
import { barcode, categoryName, itemName, locationCode, price, sku, supplierName, unit } from '../fields.js';

const wholeNumber = z.string().regex(/^\d{1,9}$/, 'must be a whole number of at most nine digits');

/**
 * The columns that a file may have, in any order, and what their cells look like. The names are those of the
 * temporary table as well. An empty cell says nothing: an item that exists keeps its value.
 */
const COLUMNS = {
  sku,
  name: itemName,
  unit,
  unit_price: price,
  quantity: wholeNumber,
  reorder_point: wholeNumber,
  category: categoryName,
  supplier: supplierName,
  barcode,
  location: locationCode,
} satisfies Record<string, z.ZodType<string>>;

export type Column = keyof typeof COLUMNS;

export const COLUMN_NAMES = Object.keys(COLUMNS) as Column[];
export const REQUIRED_COLUMNS: readonly Column[] = ['sku', 'name'];

/** What is wrong with a row, or with one of its cells. */
export interface RowError {
  readonly column: Column | null;
  readonly code: string;
  readonly message: string;
  /** The cell as it was, cut to 200 characters. */
  readonly value: string | null;
}

/** A row of the file: the header is row 1. */
export interface Row {
  readonly number: number;
  readonly cells: Readonly<Partial<Record<Column, string>>>;
  readonly errors: readonly RowError[];
}

/** Checks the cells of a row that has all of them. */
export function checkRow(number: number, header: readonly Column[], record: readonly string[]): Row {
  const cells: Partial<Record<Column, string>> = {};
  const errors: RowError[] = [];
  if (record.length !== header.length) {
    const message = `has ${record.length} cells rather than ${header.length}`;
    return { number, cells, errors: [{ column: null, code: 'column_count', message, value: null }] };
  }
  for (const [index, column] of header.entries()) {
    const cell = (record[index] ?? '').trim();
    if (cell === '') {
      if (REQUIRED_COLUMNS.includes(column)) {
        errors.push({ column, code: 'missing', message: 'is missing', value: null });
      }
      continue;
    }
    const checked = COLUMNS[column].safeParse(cell);
    if (checked.success) {
      cells[column] = cell;
    } else {
      const message = checked.error.issues[0]?.message ?? 'is not acceptable';
      errors.push({ column, code: 'invalid', message, value: cell.slice(0, 200) });
    }
  }
  return { number, cells, errors };
}
