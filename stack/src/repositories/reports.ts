import type { Readable } from 'node:stream';
import type { Database } from '../database/database.js';
import { safeCell } from '../importer/formulas.js';
import { exactQuantitySql, quantitySql, sumSql, tenThousandthsSql } from '../ledger/quantities.js';
import { listPage, type Page } from './keyset.js';

// Quantities are summed over items of one unit alone: what kilograms and pieces are together, nobody can say.
const QUANTITIES = `
  'units', CASE count(*) WHEN 0 THEN 0 WHEN 1 THEN ${sumSql('max(quantity)')} END,
  'quantities', coalesce(json_agg(json_build_object('unit', unit, 'on_hand', ${sumSql('quantity')})
    ORDER BY unit COLLATE "C"), '[]')`;
const VALUATION = `
  WITH valued AS MATERIALIZED (
    SELECT category_id, unit, count(*) AS items, sum(${tenThousandthsSql('on_hand')}) AS quantity,
      sum(${exactQuantitySql('on_hand')} * unit_price) AS value
    FROM items JOIN (
      SELECT item_id, sum(on_hand)::bigint AS on_hand FROM stock_levels WHERE on_hand > 0 GROUP BY item_id
    ) AS held ON held.item_id = items.id
    GROUP BY category_id, unit
  ),
  by_unit AS (SELECT unit, sum(quantity) AS quantity FROM valued GROUP BY unit),
  by_category AS (
    SELECT category_id, categories.name, sum(items) AS items, sum(value) AS value,
      jsonb_build_object(${QUANTITIES}) AS quantities
    FROM valued LEFT JOIN categories ON categories.id = category_id GROUP BY category_id, categories.name
  )
  SELECT (
    (SELECT jsonb_build_object('items', coalesce(sum(items), 0), 'value', coalesce(sum(value), 0)::text) FROM valued)
    || (SELECT jsonb_build_object(${QUANTITIES}) FROM by_unit)
    || (SELECT jsonb_build_object('categories', coalesce(jsonb_agg(
      jsonb_build_object('category_id', category_id, 'category', name, 'items', items, 'value', value::text) || quantities
      ORDER BY name NULLS LAST), '[]')) FROM by_category)
  )::text AS json`;

// A movement is of the day on which it happened at a place. The outer bounds are for the index: no zone is a day off, and
// midnight may be there twice, or not at all, where clocks are changed.
const MOVEMENTS_DAILY = `
  SELECT json_build_object('from', $1::date, 'to', $2::date, 'tz', $3::text, 'days', coalesce(json_agg(json_build_object(
    'day', day, 'kind', kind, 'unit', unit, 'movements', movements,
    'units_in', ${sumSql('units_in')}, 'units_out', ${sumSql('units_out')})
    ORDER BY day, kind, unit COLLATE "C"), '[]'))::text AS json
  FROM (
    SELECT day, kind, unit, sum(movements) AS movements, sum(units_in) AS units_in, sum(units_out) AS units_out
    FROM (
      SELECT (created_at AT TIME ZONE $3)::date AS day, kind, item_id, count(*) AS movements,
        coalesce(sum(${tenThousandthsSql('delta')}) FILTER (WHERE delta > 0), 0) AS units_in,
        coalesce(-sum(${tenThousandthsSql('delta')}) FILTER (WHERE delta < 0), 0) AS units_out
      FROM movements
      WHERE created_at >= $1::date - 1 AND created_at < $2::date + 2
        AND (created_at AT TIME ZONE $3)::date BETWEEN $1::date AND $2::date
      GROUP BY 1, 2, 3
    ) AS by_item JOIN items ON items.id = item_id
    GROUP BY day, kind, unit
  ) AS daily`;

// One statement sees one state of both tables, whatever happens meanwhile.
const VERIFICATION = `
  WITH chained AS (
    SELECT id, item_id, location_id, balance_after,
      coalesce(lag(balance_after) OVER (PARTITION BY item_id, location_id ORDER BY id), 0) + delta AS expected
    FROM (
      SELECT id, item_id, location_id, ${tenThousandthsSql('delta')} AS delta,
        ${tenThousandthsSql('balance_after')} AS balance_after
      FROM movements
    ) AS movement
  ),
  summed AS (
    SELECT item_id, location_id, sum(${tenThousandthsSql('delta')}) AS total FROM movements
    GROUP BY item_id, location_id
  ),
  level AS (SELECT item_id, location_id, ${tenThousandthsSql('on_hand')} AS on_hand FROM stock_levels),
  flaw AS (
    SELECT item_id, location_id, 'chain' AS flaw, id AS movement_id, expected, balance_after AS found
    FROM chained WHERE balance_after <> expected
    UNION ALL
    SELECT item_id, location_id, 'sum', NULL, coalesce(total, 0), coalesce(on_hand, 0)
    FROM summed FULL JOIN level USING (item_id, location_id)
    WHERE coalesce(total, 0) <> coalesce(on_hand, 0)
  )
  SELECT json_build_object(
    'clean', NOT EXISTS (SELECT FROM flaw),
    'levels', (SELECT count(*) FROM stock_levels),
    'movements', (SELECT count(*) FROM movements),
    'flaw_count', (SELECT count(*) FROM flaw),
    'flaws', (SELECT coalesce(json_agg(first), '[]')
      FROM (SELECT item_id, location_id, flaw, movement_id, ${sumSql('expected')} AS expected, ${sumSql('found')} AS found
        FROM flaw ORDER BY item_id, location_id, movement_id NULLS LAST LIMIT 100) AS first)
  )::text AS json`;

const EXPORT = `
  COPY (
    SELECT ${safeCell('sku')} AS sku, ${safeCell('items.name')} AS name, ${safeCell('unit')} AS unit, unit_price,
      ${exactQuantitySql('coalesce(on_hand, 0)')} AS quantity, ${exactQuantitySql('reorder_point')} AS reorder_point,
      ${safeCell('categories.name')} AS category,
      ${safeCell('suppliers.name')} AS supplier, ${safeCell('barcode')} AS barcode, decimals
    FROM items
    LEFT JOIN (SELECT item_id, sum(on_hand) AS on_hand FROM stock_levels GROUP BY item_id) AS held
      ON held.item_id = items.id
    LEFT JOIN categories ON categories.id = category_id
    LEFT JOIN suppliers ON suppliers.id = supplier_id
    WHERE archived_at IS NULL ORDER BY items.sku
  ) TO STDOUT WITH (FORMAT csv, HEADER)`;

/** What is read from many rows at once. All but the paged list run on connections of their own. */
export class Reports {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Items of which there is no more than their reorder point, by SKU. */
  lowStock(
    limit: number,
    after: { readonly key: string | number; readonly id: number } | undefined,
    total: boolean,
  ): Promise<Page> {
    return listPage(this.#database, {
      table: `(
        SELECT items.id, sku, name, supplier_id, unit, decimals, reorder_point, held.on_hand
        FROM items, LATERAL (
          SELECT coalesce(sum(on_hand), 0) AS on_hand FROM stock_levels WHERE item_id = items.id
        ) AS held
        WHERE archived_at IS NULL AND reorder_point > 0 AND held.on_hand <= reorder_point
      ) AS low`,
      shown: `id AS item_id, sku, name, supplier_id, unit, decimals, ${quantitySql('on_hand')} AS on_hand,
        ${quantitySql('reorder_point')} AS reorder_point`,
      column: 'sku',
      descending: false,
      limit,
      after,
      conditions: [],
      total,
    });
  }

  /** What the stock is worth, in all and by category, as JSON text. */
  valuation(): Promise<string> {
    return this.#json(VALUATION);
  }

  /**
   * Movements by day and kind, as JSON text.
   *
   * @param from the first day, YYYY-MM-DD.
   * @param to the last day.
   * @param tz the time zone whose days they are.
   */
  movementsDaily(from: string, to: string, tz: string): Promise<string> {
    return this.#json(MOVEMENTS_DAILY, [from, to, tz]);
  }

  /** Whether levels and ledger agree, as JSON text. */
  verification(): Promise<string> {
    return this.#json(VERIFICATION);
  }

  /** Every item that is not archived, as the CSV that an import takes. */
  itemsAsCsv(take: (rows: Readable) => Promise<void>): Promise<void> {
    return this.#database.copyOut(EXPORT, take);
  }

  async #json(text: string, values: readonly unknown[] = []): Promise<string> {
    const [row] = await this.#database.report<{ json: string }>({ text }, values);
    if (!row) throw new Error('an aggregate has one row');
    return row.json;
  }
}
