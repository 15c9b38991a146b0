import type { Column } from './columns.js';

// Product exports of shops, as they are downloaded. Their columns and rows are those of the shops' documentation:
// Shopify "Using CSV files to import and export products", WooCommerce "Product CSV import schema", Medusa's
// export of products.

/** A file of products that a shop has written. */
export interface ShopExport {
  readonly name: 'shopify' | 'woocommerce' | 'medusa';
  readonly columns: readonly Column[];
  /** Where the columns are that are read. */
  readonly used: readonly number[];
  /** A row's cells in the order of `columns`; nothing for a row that is no item. */
  arrange(record: readonly string[]): string[] | undefined;
}

/** How a column's name is compared: whatever its case, with one space between words. */
export function normalHeader(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, ' ');
}

type Source = readonly (readonly [column: Column, ...headers: string[]])[];

/** Whose export a file is. @param header in `normalHeader`'s form. */
export function shopExportOf(header: readonly string[]): ShopExport | undefined {
  const has = (...names: string[]) => names.every((name) => header.includes(name));
  if (has('handle', 'title', 'variant sku')) return shopify(header);
  if (has('type', 'sku', 'name', 'regular price')) return woocommerce(header);
  if (has('product handle', 'product title', 'variant sku')) return medusa(header);
  return undefined;
}

/** Reads columns by name. @param more columns that `adapt` reads besides. */
function reader(
  name: ShopExport['name'],
  header: readonly string[],
  source: Source,
  more: readonly string[],
  adapt: (
    cells: Record<Column, string>,
    cell: (header: string) => string,
  ) => Record<Column, string> | undefined,
): ShopExport {
  const found = source.flatMap(([column, ...names]) => {
    const index = header.findIndex((other) => names.includes(other));
    return index < 0 ? [] : [{ column, index }];
  });
  const used = [...found.map(({ index }) => index), ...more.map((other) => header.indexOf(other))];
  return {
    name,
    columns: found.map(({ column }) => column),
    used: used.filter((index) => index >= 0),
    arrange(record) {
      const cell = (other: string) => record[header.indexOf(other)]?.trim() ?? '';
      const cells = Object.fromEntries(
        found.map(({ column, index }) => [column, record[index]?.trim() ?? '']),
      ) as Record<Column, string>;
      const adapted = adapt(cells, cell);
      return adapted && found.map(({ column }) => adapted[column]);
    },
  };
}

const SHOPIFY_OPTIONS = ['option1 value', 'option2 value', 'option3 value'];

/** The first row of a product has its title; further variants and pictures follow in rows with its handle alone. */
function shopify(header: readonly string[]): ShopExport {
  let handle = '';
  let title = '';
  const source: Source = [
    ['sku', 'variant sku'],
    ['name', 'title'],
    ['unit_price', 'variant price'],
    ['quantity', 'variant inventory qty'],
    ['barcode', 'variant barcode'],
  ];
  return reader('shopify', header, source, ['handle', ...SHOPIFY_OPTIONS], (cells, cell) => {
    if (cell('handle') !== handle || cells.name !== '') [handle, title] = [cell('handle'), cells.name];
    if (cells.sku === '' && cells.unit_price === undefined) return undefined;
    if (cells.sku === '' && cells.unit_price === '') return undefined;
    const variant = SHOPIFY_OPTIONS.map(cell).filter((value) => value !== '' && value !== 'Default Title');
    // Shopify puts an apostrophe before codes, so that a spreadsheet leaves them as they are.
    const code = (value: string | undefined) => value?.replace(/^'/, '') ?? '';
    return {
      ...cells,
      sku: code(cells.sku),
      barcode: code(cells.barcode),
      name: variant.length > 0 ? `${title} - ${variant.join(' / ')}` : title,
    };
  });
}

/** A product with variants has a row that is not kept in stock itself; so has a group. */
const NO_WOOCOMMERCE_ITEMS = ['variable', 'grouped'];

function woocommerce(header: readonly string[]): ShopExport {
  const source: Source = [
    ['sku', 'sku'],
    ['name', 'name'],
    ['unit_price', 'regular price'],
    ['quantity', 'stock'],
    ['reorder_point', 'low stock amount'],
    ['barcode', 'gtin, upc, ean, or isbn'],
  ];
  return reader('woocommerce', header, source, ['type'], (cells, cell) => {
    const types = cell('type')
      .split(',')
      .map((type) => type.trim());
    return types.some((type) => NO_WOOCOMMERCE_ITEMS.includes(type)) ? undefined : cells;
  });
}

function medusa(header: readonly string[]): ShopExport {
  // One currency is the price; which of several is, nobody can say.
  const prices = header.filter((name) => /^(variant )?price [a-z]{3}$/.test(name));
  const source: Source = [
    ['sku', 'variant sku'],
    ['name', 'product title'],
    ['quantity', 'variant inventory quantity'],
    ['barcode', 'variant barcode', 'variant ean', 'variant upc'],
    ...(prices.length === 1 ? [['unit_price', prices[0] as string] as const] : []),
  ];
  return reader('medusa', header, source, ['variant title'], (cells, cell) => {
    const variant = cell('variant title');
    const named = variant !== '' && !/^default( variant| title)?$/i.test(variant);
    return { ...cells, name: named ? `${cells.name} - ${variant}` : cells.name };
  });
}
