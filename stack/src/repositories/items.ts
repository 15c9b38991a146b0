import type { Database, Session, Statement } from '../database/database.js';
import {
  decimalsOf,
  exactQuantitySql,
  MOST_DECIMALS,
  quantityOf,
  quantitySql,
  stepsOf,
  tenThousandthsOf,
  tooFine,
} from '../ledger/quantities.js';
import { invalid, notFound, Problem } from '../problem.js';
import type { Actor } from './audit.js';
import type { Page } from './keyset.js';
import { type Fields, type Versioned, VersionedTable } from './versioned-table.js';

export const ITEM_SORTS = ['sku', '-sku', 'name', '-name', 'id', '-id'] as const;
export type ItemSort = (typeof ITEM_SORTS)[number];

const ITEM_COLUMNS = `id, sku, name, category_id, supplier_id, unit, decimals, unit_price::text AS unit_price,
  ${quantitySql('reorder_point')} AS reorder_point, barcode, version, created_at, updated_at, archived_at`;

/** SQL for what the audit log says of an item. @param row SQL for a row of `items`. */
export const itemState = (row: string) =>
  `to_jsonb(${row}) || jsonb_build_object('reorder_point',
    ${exactQuantitySql(`${row}.reorder_point`, `${row}.decimals`)})`;

/** What is in stock of an item that a list has found, over all locations. */
const ITEM_COLUMNS_WITH_STOCK = `${ITEM_COLUMNS},
  ${quantitySql('(SELECT coalesce(sum(on_hand), 0) FROM stock_levels WHERE item_id = found.id)')} AS on_hand`;

export interface ItemQuery {
  readonly sort: ItemSort;
  readonly limit: number;
  readonly after: { readonly key: string | number; readonly id: number } | undefined;
  /** Words of the name, or beginnings of them, or the beginning of a SKU, or a barcode. */
  readonly search?: string | undefined;
  readonly sku?: string | undefined;
  readonly barcode?: string | undefined;
  readonly categoryId?: number | undefined;
  readonly supplierId?: number | undefined;
  readonly archived: boolean;
  /** Whether each item is listed with what is in stock of it. */
  readonly stock?: boolean;
  readonly total?: boolean;
}

// As an array, so that the matches are found by the indexes first. As a plain condition, PostgreSQL would rather
// walk all items in their order until enough match: seconds, where none does. The words become a tsquery that matches
// each of them or a word that begins like it; `searchable` leaves nothing in them that would end the quotes.
const SEARCH = `id = ANY (ARRAY(
  SELECT id FROM items
  WHERE search_words(name) @@ (
      SELECT to_tsquery('simple', string_agg(''' ' || searchable(word) || ''':*', ' & '))
      FROM unnest(?::text[]) AS word)
    OR barcode = ?
    OR (sku >= ? AND sku < ?) OR (sku >= ? AND sku < ?) OR (sku >= ? AND sku < ?)))`;

/** Comes after every other in the order of bytes. */
const LAST_CHARACTER = '\u{10ffff}';

const STOCK: Statement = {
  name: 'item-stock',
  text: `
    SELECT json_build_object(
      'item_id', items.id,
      'on_hand', ${quantitySql('coalesce(sum(on_hand), 0)', 'items.decimals')},
      'locations', coalesce(
        json_agg(
          json_build_object('location_id', locations.id, 'location', locations.code,
            'on_hand', ${quantitySql('on_hand', 'items.decimals')})
          ORDER BY locations.code
        ) FILTER (WHERE locations.id IS NOT NULL),
        '[]'
      )
    )::text AS json
    FROM items
    LEFT JOIN stock_levels ON stock_levels.item_id = items.id
    LEFT JOIN locations ON locations.id = stock_levels.location_id
    WHERE items.id = $1
    GROUP BY items.id`,
};

export class Items extends VersionedTable {
  constructor(database: Database) {
    super(database, 'items', 'item', ITEM_COLUMNS, itemState('changed'));
  }

  /** @param fields with `decimals` and a `reorder_point`. @throws {Problem} 422 for one that is finer than the item. */
  override create(fields: Fields, by: Actor): Promise<Versioned> {
    const { decimals, reorder_point: point } = fields as { decimals: number; reorder_point: number };
    return super.create({ ...fields, reorder_point: reorderSteps(point, decimals) }, by);
  }

  search({
    sort,
    limit,
    after,
    search,
    sku,
    barcode,
    categoryId,
    supplierId,
    archived,
    stock,
    total,
  }: ItemQuery): Promise<Page> {
    const conditions: [string, ...unknown[]][] = [[`archived_at IS ${archived ? 'NOT NULL' : 'NULL'}`]];
    if (categoryId !== undefined) conditions.push(['category_id = ?', categoryId]);
    if (supplierId !== undefined) conditions.push(['supplier_id = ?', supplierId]);
    if (sku !== undefined) conditions.push(['sku = ?', sku]);
    if (barcode !== undefined) conditions.push(['barcode = ?', barcode]);
    if (search !== undefined) {
      // An index of SKUs in one case would cost an import more than these looks into the one that there is.
      const beginnings = [search, search.toUpperCase(), search.toLowerCase()];
      const ranges = beginnings.flatMap((beginning) => [beginning, beginning + LAST_CHARACTER]);
      conditions.push([SEARCH, wordsOf(search), search, ...ranges]);
    }
    return this.list({
      column: sort.replace('-', ''),
      descending: sort.startsWith('-'),
      limit,
      after,
      // The other conditions may leave few rows, and archived items are few.
      quick: conditions.length === 1 && !archived,
      unique: sort.endsWith('sku'),
      conditions,
      total,
      ...(stock && { shown: ITEM_COLUMNS_WITH_STOCK }),
    });
  }

  /** What is in stock of an item, and where, as JSON text. @throws {Problem} 404. */
  async stock(id: number): Promise<string> {
    const [row] = await this.database.read<{ json: string }>(STOCK, [id]);
    if (!row) throw notFound(this.entity);
    return row.json;
  }

  /**
   * Takes an item out of use. Its history stays; its levels are closed, so that nothing can enter.
   *
   * @throws {Problem} 404, 412, or 409 while there is stock.
   */
  archive(id: number, versions: readonly number[] | null, by: Actor): Promise<Versioned> {
    return this.database.transaction(async (session) => {
      // First the item, against new levels (OPEN_LEVELS waits for its row), then the levels, against movements.
      const item = await this.update(id, versions, { archived_at: new Date() }, by, {
        session,
        action: 'archive',
      });
      const [stocked] = await session.query(
        {
          text: `WITH closing AS (SELECT item_id, location_id, on_hand FROM stock_levels WHERE item_id = $1
                   ORDER BY location_id FOR UPDATE),
                 closed AS (UPDATE stock_levels SET closed = true FROM closing
                   WHERE stock_levels.item_id = closing.item_id
                     AND stock_levels.location_id = closing.location_id)
                 SELECT FROM closing WHERE on_hand > 0`,
        },
        [id],
      );
      if (stocked) throw new Problem(409, 'in_stock', 'The item has stock: bring it to zero first.');
      return item;
    });
  }

  /**
   * Changes an item; `archived: false` brings an archived one back. Errors as for `update`.
   *
   * @throws {Problem} 422 for a reorder point that is finer than the item, 409 for fewer decimals than it has had stock in.
   */
  async revise(
    id: number,
    versions: readonly number[] | null,
    { archived, ...fields }: Fields & { readonly archived?: false | undefined },
    by: Actor,
  ): Promise<Versioned> {
    const measured = fields.decimals !== undefined || fields.reorder_point !== undefined;
    if (archived === undefined && !measured) return this.update(id, versions, fields, by);
    return this.database.transaction(async (session) => {
      const changes = {
        ...fields,
        ...(archived === false && { archived_at: null }),
        ...(measured && (await this.#reorderPoint(id, fields, session))),
      };
      const item = await this.update(id, versions, changes, by, { session });
      if (archived === false) {
        await session.query({ text: 'UPDATE stock_levels SET closed = false WHERE item_id = $1' }, [id]);
      }
      return item;
    });
  }

  /** The reorder point as it is stored, with the decimals that the item gets. Locks the item. */
  async #reorderPoint(id: number, fields: Fields, session: Session): Promise<Fields> {
    const [row] = await session.query<{ decimals: number; reorder_point: number }>(
      { text: 'SELECT decimals, reorder_point FROM items WHERE id = $1 FOR NO KEY UPDATE' },
      [id],
    );
    // `update` says so.
    if (!row) return {};
    const before = quantityOf(row.reorder_point, row.decimals);
    const { decimals = row.decimals, reorder_point: point = before } = fields as Partial<typeof row>;
    const pointer = fields.reorder_point === undefined ? '/body/decimals' : '/body/reorder_point';
    return { reorder_point: reorderSteps(point, decimals, pointer) };
  }
}

/** @throws {Problem} 422. */
function reorderSteps(point: number, decimals: number, pointer = '/body/reorder_point'): number {
  if ((decimalsOf(point) ?? MOST_DECIMALS) <= decimals) return stepsOf(tenThousandthsOf(point), decimals);
  const message =
    pointer === '/body/decimals' ? `the reorder point, ${point}, has more decimals` : tooFine(decimals);
  throw invalid([{ pointer, code: 'decimals', message }]);
}

/**
 * What is looked for one by one. Words end where `searchable` ends them, at spaces and at punctuation, which has a
 * full width in Chinese and Japanese.
 */
function wordsOf(search: string): string[] {
  return search
    .split(
      /[\s!-/:-@[-`{-~\u3001-\u3003\u3008-\u3020\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]+/,
    )
    .filter((word) => word !== '');
}
