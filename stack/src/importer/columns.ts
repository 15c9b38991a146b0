import { z } from 'zod';
import {
  barcode,
  categoryName,
  itemName,
  locationCode,
  price,
  REORDER_POINT_LIMIT,
  sku,
  supplierName,
  unit,
} from '../fields.js';

const count = (maximum: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, 'must be a whole number')
    .refine((digits) => Number(digits) <= maximum, `must be at most ${maximum}`);

/**
 * The columns that a file may have, in any order, and what their cells look like. The names are those of the
 * temporary table as well. An empty cell says nothing: an item that exists keeps its value.
 */
const COLUMNS = {
  sku,
  name: itemName,
  unit,
  unit_price: price,
  // An export has the sum of all locations; what may be opened as stock is checked there (merge.ts).
  quantity: count(Number.MAX_SAFE_INTEGER),
  reorder_point: count(REORDER_POINT_LIMIT),
  category: categoryName,
  supplier: supplierName,
  barcode,
  location: locationCode,
  counted: count(1_000_000_000),
} satisfies Record<string, z.ZodType<string>>;

export type Column = keyof typeof COLUMNS;

/** What the rows of a file are, and so which columns it may have. */
export interface FileKind {
  readonly name: 'items' | 'counts';
  readonly columns: readonly Column[];
  /** Columns that have to be there, and a cell in each row of them. */
  readonly required: readonly Column[];
  /** One of these has to be there. */
  readonly identified: readonly Column[];
}

export const ITEM_FILE: FileKind = {
  name: 'items',
  columns: (Object.keys(COLUMNS) as Column[]).filter((column) => column !== 'counted'),
  required: ['sku', 'name'],
  identified: ['sku'],
};

export const COUNT_FILE: FileKind = {
  name: 'counts',
  columns: ['sku', 'barcode', 'location', 'counted'],
  required: ['counted'],
  identified: ['sku', 'barcode'],
};

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
  /** In the order of the header; undefined for one that is empty or flawed. */
  readonly cells: readonly (string | undefined)[];
  readonly errors: readonly RowError[];
}

/** Cells remembered a column: units, prices and categories come again and again. */
const REMEMBERED_CELLS = 1000;

/** Checks the rows of one file, arranged and trimmed. */
export class RowChecker {
  readonly #columns: readonly { name: Column; required: boolean; sound: Set<string> }[];

  constructor(header: readonly Column[], { required }: FileKind) {
    this.#columns = header.map((name) => ({
      name,
      required: required.includes(name),
      sound: new Set(),
    }));
  }

  /** @param number of the row: the header is row 1. */
  check(number: number, record: readonly string[]): Row {
    const errors: RowError[] = [];
    const cells = this.#columns.map(({ name: column, required, sound }, index) => {
      const written = record[index] as string;
      if (sound.has(written)) return written;
      const cell = written.normalize('NFC');
      if (cell === '') {
        if (required) errors.push({ column, code: 'missing', message: 'is missing', value: null });
        return undefined;
      }
      const checked = COLUMNS[column].safeParse(cell);
      if (checked.success) {
        if (sound.size < REMEMBERED_CELLS) sound.add(cell);
        return cell;
      }
      const message = checked.error.issues[0]?.message ?? 'is not acceptable';
      errors.push({ column, code: 'invalid', message, value: cell.slice(0, 200) });
      return undefined;
    });
    return { number, cells, errors };
  }
}
