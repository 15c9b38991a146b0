import { invalid, type ProblemDetail } from '../problem.js';
import { COUNT_FILE, type Column, type FileKind, ITEM_FILE } from './columns.js';
import { originalCell } from './formulas.js';
import { normalHeader, type ShopExport, shopExportOf } from './shop-exports.js';

/** How the rows of a file become rows of items. */
export interface Layout {
  /** Whose export the file is; `plain` for one with columns of ours. */
  readonly name: 'plain' | ShopExport['name'];
  /** What `arrange` gives, in its order. */
  readonly columns: readonly Column[];
  /** Columns of the file that are not taken. */
  readonly ignored: readonly string[];
  /** Cells that a row of the file has to have. */
  readonly width: number;
  /** A row's cells in the order of `columns`; nothing for a row that is no item. */
  arrange(record: readonly string[]): string[] | undefined;
}

/** What the sender of a file says of its header. */
export interface HeaderMapping {
  /** Names in the file and the columns that they are, or null for those to leave out. */
  readonly columns: ReadonlyMap<string, Column | null>;
  /** What is done with columns that nobody knows. */
  readonly others: 'refuse' | 'ignore';
}

export const NO_MAPPING: HeaderMapping = { columns: new Map(), others: 'refuse' };

/** Other names that people and programs give to our columns. */
const ALIASES: Readonly<Record<string, Column>> = {
  ...Object.fromEntries(ITEM_FILE.columns.map((column) => [normalHeader(column), column])),
  code: 'sku',
  'item code': 'sku',
  'product code': 'sku',
  'article number': 'sku',
  'part number': 'sku',
  'variant sku': 'sku',
  title: 'name',
  'item name': 'name',
  'product name': 'name',
  'product title': 'name',
  price: 'unit_price',
  'regular price': 'unit_price',
  'retail price': 'unit_price',
  'variant price': 'unit_price',
  qty: 'quantity',
  stock: 'quantity',
  'on hand': 'quantity',
  'quantity on hand': 'quantity',
  'stock quantity': 'quantity',
  'variant inventory qty': 'quantity',
  'variant inventory quantity': 'quantity',
  'reorder level': 'reorder_point',
  'low stock amount': 'reorder_point',
  uom: 'unit',
  'unit of measure': 'unit',
  'decimal places': 'decimals',
  ean: 'barcode',
  upc: 'barcode',
  gtin: 'barcode',
  'variant barcode': 'barcode',
};

/** What a file of counts calls what was counted. */
const COUNTED = ['counted', 'count', 'counted quantity', 'counted qty', 'physical count', 'actual'];

/**
 * The names that a kind of file knows. A file of counts may be an export with a column more: what an item's file has
 * besides is left out (null). Its quantity is what was counted, unless another column says so.
 */
function namesOf(kind: FileKind, header: readonly string[]): Readonly<Record<string, Column | null>> {
  if (kind === ITEM_FILE) return ALIASES;
  const counted = header.some((name) => COUNTED.includes(name)) ? null : 'counted';
  return Object.fromEntries([
    ...Object.entries(ALIASES).map(([name, column]) => [
      name,
      column === 'quantity' ? counted : COUNT_FILE.columns.includes(column) ? column : null,
    ]),
    ...COUNTED.map((name) => [name, 'counted']),
  ]);
}

/**
 * Finds out what the columns of a file are: by what the sender says, else as the export of a shop, else by name.
 *
 * @throws {Problem} 422 for columns that nobody knows, are there twice, or are missing.
 */
export function layoutOf(
  header: readonly string[],
  { columns: mapped, others }: HeaderMapping,
  kind: FileKind,
): Layout {
  const names = header.map((name) => name.trim());
  // Spreadsheets add empty columns at the end.
  while (names.length > 1 && names.at(-1) === '') names.pop();
  const given = new Map([...mapped].map(([name, column]) => [normalHeader(name), column]));
  const shop = kind === ITEM_FILE && given.size === 0 ? shopExportOf(names.map(normalHeader)) : undefined;
  if (shop) return shopLayout(shop, names);

  const known = namesOf(kind, names.map(normalHeader));
  const found = names.map((name) => {
    const normal = normalHeader(name);
    const column = given.get(normal);
    if (column !== undefined) return column;
    return Object.hasOwn(known, normal) ? known[normal] : others === 'ignore' ? null : undefined;
  });
  const taken = found.flatMap((column, index) => (column ? [{ column, index }] : []));
  const columns = taken.map(({ column }) => column);
  refuseFlaws(
    names,
    found,
    columns,
    [...given.keys()].filter((name) => !names.map(normalHeader).includes(name)),
    kind,
  );
  return {
    name: 'plain',
    columns,
    ignored: names.filter((_, index) => found[index] === null),
    width: names.length,
    arrange: (record) => taken.map(({ index }) => originalCell((record[index] as string).trim())),
  };
}

function shopLayout(shop: ShopExport, names: readonly string[]): Layout {
  const used = shop.used.map((index) => names[index]);
  return {
    name: shop.name,
    columns: shop.columns,
    ignored: names.filter((name) => !used.includes(name)),
    width: names.length,
    arrange: shop.arrange,
  };
}

function refuseFlaws(
  names: readonly string[],
  found: readonly (Column | null | undefined)[],
  columns: readonly Column[],
  absent: readonly string[],
  { required, identified }: FileKind,
): void {
  const missing = [
    ...required.filter((column) => !columns.includes(column)),
    ...(identified.some((column) => columns.includes(column) || required.includes(column)) ? [] : ['sku']),
  ];
  const shown = (name: string) => JSON.stringify(name.slice(0, 64));
  const problems: (readonly [code: string, message: string])[] = [
    ...names
      .filter((_, index) => found[index] === undefined)
      .map((name) => ['unknown_column', `There is no column ${shown(name.toLowerCase())}.`] as const),
    ...names
      .filter((_, index) => found[index] && found.indexOf(found[index]) < index)
      .map(
        (name) =>
          [
            'duplicate_column',
            `The column ${shown(name)} is there twice, or another one means the same.`,
          ] as const,
      ),
    ...absent.map((name) => ['absent_column', `The file has no column ${shown(name)}.`] as const),
    ...missing.map((column) => ['missing_column', `The column ${column} is missing.`] as const),
  ];
  if (problems.length === 0) return;
  throw invalid(problems.map(([code, message]): ProblemDetail => ({ pointer: '/rows/1', code, message })));
}
