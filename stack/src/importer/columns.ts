import { z } from 'zod';
import {
  barcode,
  categoryName,
  itemName,
  locationCode,
  price,
  QUANTITY_LIMIT,
  sku,
  supplierName,
  unit,
} from '../fields.js';
import { MOST_DECIMALS } from '../ledger/quantities.js';
import type { Delimiter } from './delimiter.js';

/** A quantity. How many decimals its item has, the database knows. */
const quantity = (maximum: number) =>
  z
    .string()
    .regex(/^\d{1,16}(\.\d{1,16})?$/, 'must be a number such as 12 or 1.5')
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
  quantity: quantity(Number.MAX_SAFE_INTEGER),
  reorder_point: quantity(QUANTITY_LIMIT),
  category: categoryName,
  supplier: supplierName,
  barcode,
  decimals: z
    .string()
    .regex(new RegExp(`^[0-${MOST_DECIMALS}]$`), `must be a whole number from 0 to ${MOST_DECIMALS}`),
  location: locationCode,
  counted: quantity(QUANTITY_LIMIT),
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

/** How a column writes decimals otherwise than with a point, and what of it nobody can tell. */
interface Decimals {
  readonly comma: RegExp;
  readonly ambiguous?: RegExp;
}

/**
 * Where cells are not separated by commas, decimals may be: `12,50`. `1,250` may be a thousand, and is refused. But
 * where semicolons separate, that is because the comma is the decimal mark, and it is the point that may be a thousand's.
 */
function decimalsOf(column: Column, delimiter: Delimiter): Decimals | undefined {
  if (delimiter === ',') return undefined;
  if (column === 'unit_price') return { comma: /^\d+,\d{1,2}$/ };
  if (column !== 'quantity' && column !== 'reorder_point' && column !== 'counted') return undefined;
  return delimiter === ';'
    ? { comma: /^\d+,\d+$/, ambiguous: /^[1-9]\d{0,2}(\.\d{3})+$/ }
    : { comma: /^\d+,(\d{1,2}|\d{4,})$/ };
}

/** Cells remembered a column: units, prices and categories come again and again. */
const REMEMBERED_CELLS = 1000;

/** Checks the rows of one file, arranged and trimmed. */
export class RowChecker {
  readonly #columns: readonly {
    readonly name: Column;
    readonly required: boolean;
    readonly decimals: Decimals | undefined;
    /** Cells that were good, as they were written and as they are taken. */
    readonly sound: Map<string, string>;
  }[];

  constructor(header: readonly Column[], { required }: FileKind, delimiter: Delimiter) {
    this.#columns = header.map((name) => ({
      name,
      required: required.includes(name),
      decimals: decimalsOf(name, delimiter),
      sound: new Map(),
    }));
  }

  /** @param number of the row: the header is row 1. */
  check(number: number, record: readonly string[]): Row {
    const errors: RowError[] = [];
    const cells = this.#columns.map(({ name: column, required, decimals, sound }, index) => {
      const written = record[index] as string;
      const known = sound.get(written);
      if (known !== undefined) return known;
      const composed = written.normalize('NFC');
      if (composed === '') {
        if (required) errors.push({ column, code: 'missing', message: 'is missing', value: null });
        return undefined;
      }
      const refuse = (code: string, message: string) => {
        errors.push({ column, code, message, value: composed.slice(0, 200) });
        return undefined;
      };
      if (decimals?.ambiguous?.test(composed)) {
        const [thousands, decimal] = [composed.replaceAll('.', ''), composed.replace('.', ',')];
        return refuse('ambiguous', `may be a thousand or a decimal: write ${thousands} or ${decimal}`);
      }
      const cell = decimals?.comma.test(composed) ? composed.replace(',', '.') : composed;
      const checked = COLUMNS[column].safeParse(cell);
      if (!checked.success) return refuse('invalid', checked.error.issues[0]?.message ?? 'is not acceptable');
      if (sound.size < REMEMBERED_CELLS) sound.set(written, cell);
      return cell;
    });
    return { number, cells, errors };
  }
}
