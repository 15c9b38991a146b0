import type { Session } from '../database/database.js';

/** What an import did, or in a dry run would do. Rows, but for `stocked`: items that got their opening stock. */
export interface MergeCounts {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly stocked: number;
}

// Errors that only the whole file, or what is in the database, can show. They join those of the rows.
const CHECKS = `
  CREATE TEMPORARY TABLE flawed ON COMMIT DROP AS
  SELECT staged.row_number, error.column, error.code, error.message, error.value
  FROM staged, jsonb_to_recordset(errors) AS error ("column" text, code text, message text, value text)
  UNION ALL
  SELECT row_number, 'sku', 'duplicate', 'is in row ' || first || ' already', sku
  FROM (SELECT row_number, sku, min(row_number) OVER (PARTITION BY sku) AS first FROM staged WHERE sku IS NOT NULL)
    AS s
  WHERE row_number > first
  UNION ALL
  SELECT row_number, 'barcode', 'duplicate', 'is in row ' || first || ' already', barcode
  FROM (SELECT row_number, barcode, min(row_number) OVER (PARTITION BY barcode) AS first
    FROM staged WHERE barcode IS NOT NULL) AS s
  WHERE row_number > first
  UNION ALL
  SELECT row_number, 'barcode', 'taken', 'belongs to item ' || items.sku, staged.barcode
  FROM staged JOIN items USING (barcode) WHERE staged.sku <> items.sku
  UNION ALL
  SELECT row_number, 'sku', 'archived', 'is an archived item', staged.sku
  FROM staged JOIN items USING (sku) WHERE items.archived_at IS NOT NULL
  UNION ALL
  SELECT row_number, 'category', 'unknown', 'is no category', category
  FROM staged WHERE category IS NOT NULL AND NOT EXISTS (SELECT FROM categories WHERE name = category)
  UNION ALL
  SELECT row_number, 'supplier', 'unknown', 'is no supplier', supplier
  FROM staged WHERE supplier IS NOT NULL AND NOT EXISTS (SELECT FROM suppliers WHERE name = supplier)
  UNION ALL
  SELECT row_number, 'location', 'unknown', 'is no location', location
  FROM staged WHERE location IS NOT NULL AND NOT EXISTS (SELECT FROM locations WHERE code = location)`;

/**
 * Finds every flaw of the staged rows and takes the flawed rows out of the staging table.
 *
 * @returns how many flaws there are; they are in the temporary table `flawed`.
 */
export async function findFlaws(session: Session): Promise<number> {
  // Keeps others from adding items until the end of the transaction; reading and moving stock goes on.
  await session.query({ text: 'LOCK TABLE items IN SHARE ROW EXCLUSIVE MODE' });
  await session.query({ text: CHECKS });
  const [row] = await session.query<{ count: number }>({ text: 'SELECT count(*) FROM flawed' });
  const count = row?.count ?? 0;
  if (count > 0) {
    await session.query({
      text: 'DELETE FROM staged USING flawed WHERE staged.row_number = flawed.row_number',
    });
  }
  return count;
}

// A row's item as it will be, and as it is (old_*, NULL for a new one).
const TARGETS = `
  CREATE TEMPORARY TABLE target ON COMMIT DROP AS
  SELECT row_number, items.id, staged.sku, staged.name,
    coalesce(categories.id, items.category_id) AS category_id,
    coalesce(suppliers.id, items.supplier_id) AS supplier_id,
    coalesce(staged.unit, items.unit, 'each') AS unit,
    coalesce(staged.unit_price, items.unit_price, 0) AS unit_price,
    coalesce(staged.reorder_point, items.reorder_point, 0) AS reorder_point,
    coalesce(staged.barcode, items.barcode) AS barcode,
    coalesce(staged.quantity, 0) AS quantity, coalesce(locations.id, 1) AS location_id,
    items.id IS NOT NULL AND (items.name, items.category_id, items.supplier_id, items.unit, items.unit_price,
      items.reorder_point, items.barcode) IS DISTINCT FROM (staged.name,
      coalesce(categories.id, items.category_id), coalesce(suppliers.id, items.supplier_id),
      coalesce(staged.unit, items.unit), coalesce(staged.unit_price, items.unit_price),
      coalesce(staged.reorder_point, items.reorder_point), coalesce(staged.barcode, items.barcode)) AS differs
  FROM staged
  LEFT JOIN items USING (sku)
  LEFT JOIN categories ON categories.name = staged.category
  LEFT JOIN suppliers ON suppliers.name = staged.supplier
  LEFT JOIN locations ON locations.code = staged.location`;

const COUNTS = `
  SELECT count(*) FILTER (WHERE id IS NULL) AS created, count(*) FILTER (WHERE differs) AS updated,
    count(*) FILTER (WHERE id IS NOT NULL AND NOT differs) AS unchanged,
    count(*) FILTER (WHERE quantity > 0 AND NOT EXISTS (
      SELECT FROM stock_levels WHERE item_id = target.id AND stock_levels.location_id = target.location_id
    )) AS stocked
  FROM target`;

const CREATE_ITEMS = `
  INSERT INTO items (sku, name, category_id, supplier_id, unit, unit_price, reorder_point, barcode)
  SELECT sku, name, category_id, supplier_id, unit, unit_price, reorder_point, barcode
  FROM target WHERE id IS NULL ORDER BY row_number`;

const UPDATE_ITEMS = `
  UPDATE items SET name = target.name, category_id = target.category_id, supplier_id = target.supplier_id,
    unit = target.unit, unit_price = target.unit_price, reorder_point = target.reorder_point,
    barcode = target.barcode, version = version + 1, updated_at = now()
  FROM target WHERE items.id = target.id AND differs`;

// A file's quantity is opening stock. An item that was at the location before, even if it is sold out now, has its
// ledger: the file does not touch that. A new item has been nowhere, and to look for a conflict costs as much as the
// insert.
const OPEN_STOCK = `
  WITH opened_new AS (
    INSERT INTO stock_levels (item_id, location_id, on_hand)
    SELECT items.id, target.location_id, target.quantity FROM target JOIN items USING (sku)
    WHERE target.id IS NULL AND target.quantity > 0 ORDER BY items.id
    RETURNING item_id, location_id, on_hand
  ),
  opened_known AS (
    INSERT INTO stock_levels (item_id, location_id, on_hand)
    SELECT id, location_id, quantity FROM target
    WHERE id IS NOT NULL AND quantity > 0 ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING item_id, location_id, on_hand
  ),
  opened AS (SELECT * FROM opened_new UNION ALL SELECT * FROM opened_known),
  operation AS MATERIALIZED (SELECT nextval('movement_groups') AS group_id)
  INSERT INTO movements (group_id, item_id, location_id, delta, balance_after, kind, reference, actor_id)
  SELECT group_id, item_id, location_id, on_hand, on_hand, 'import', $1::text, $2::bigint FROM opened, operation`;

/** Prepares the merge of the staged rows. @returns what it will do. */
export async function planMerge(session: Session): Promise<MergeCounts> {
  await session.query({ text: TARGETS });
  const [counts] = await session.query<MergeCounts & Record<string, unknown>>({ text: COUNTS });
  if (!counts) throw new Error('an aggregate has one row');
  return counts;
}

/**
 * Does what `planMerge` has prepared.
 *
 * @param reference of the movements that open stock.
 */
export async function merge(session: Session, reference: string, actorId: number | null): Promise<void> {
  await session.query({ text: CREATE_ITEMS });
  await session.query({ text: UPDATE_ITEMS });
  await session.query({ text: OPEN_STOCK }, [reference, actorId]);
  // The planner would otherwise take a table of a million rows for empty until the next autovacuum.
  await session.query({ text: 'ANALYZE items, stock_levels' });
}
