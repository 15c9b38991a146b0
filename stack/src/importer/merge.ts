import type { Session } from '../database/database.js';
import { exactQuantitySql, isTooFineSql, stepsSql, tooFineSql } from '../ledger/quantities.js';
import { ON_HAND_LIMIT } from '../ledger/statements.js';
import type { Actor } from '../repositories/audit.js';
import { itemState } from '../repositories/items.js';
import type { Column } from './columns.js';

/** What an import did, or in a dry run would do, in rows. */
export interface MergeCounts {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  /** Items that got their opening stock. */
  readonly stocked: number;
  /** Items that have stock, of which the file says another quantity. */
  readonly quantityIgnored: number;
}

/** Columns that name something of another table, and what holds where a file has no such column. */
const REFERENCES = [
  { column: 'category', table: 'categories', key: 'name', otherwise: 'items.category_id' },
  { column: 'supplier', table: 'suppliers', key: 'name', otherwise: 'items.supplier_id' },
  { column: 'location', table: 'locations', key: 'code', otherwise: '1' },
] as const;

/** Flaws of cells, which were found while the file was read. */
export const ERRORS_OF_ROWS = `
  SELECT staged.row_number, error.column, error.code, error.message, error.value
  FROM staged, jsonb_to_recordset(errors) AS error ("column" text, code text, message text, value text)
  WHERE errors IS NOT NULL`;

const repeated = (column: 'sku' | 'barcode') => `
  SELECT row_number, '${column}', 'duplicate', 'is in row ' || first || ' already', ${column}
  FROM staged JOIN (
    SELECT ${column}, min(row_number) AS first FROM staged WHERE ${column} IS NOT NULL
    GROUP BY ${column} HAVING count(*) > 1
  ) AS repeated USING (${column})
  WHERE row_number > first`;

const unknown = ({ column, table, key }: (typeof REFERENCES)[number]) => `
  SELECT row_number, '${column}', 'unknown', 'is no ${column}', ${column}
  FROM staged WHERE ${column} IS NOT NULL AND NOT EXISTS (SELECT FROM ${table} WHERE ${key} = ${column})`;

/** The decimals of a row's item, once the row is taken. */
const DECIMALS = 'coalesce(staged.decimals, items.decimals, 0)';

const finerThanItem = (column: 'quantity' | 'reorder_point') => `
  SELECT row_number, '${column}', 'decimals', ${tooFineSql(DECIMALS)}, staged.${column}::text
  FROM staged LEFT JOIN items USING (sku) WHERE ${isTooFineSql(`staged.${column}`, DECIMALS)}`;

// Errors of a column that only the whole file, or what is in the database, can show.
const CHECKS: Partial<Record<Column, readonly string[]>> = {
  sku: [
    repeated('sku'),
    `SELECT row_number, 'sku', 'archived', 'is an archived item', staged.sku
     FROM staged JOIN items USING (sku) WHERE items.archived_at IS NOT NULL`,
  ],
  barcode: [
    repeated('barcode'),
    `SELECT row_number, 'barcode', 'taken', 'belongs to item ' || items.sku, staged.barcode
     FROM staged JOIN items USING (barcode) WHERE staged.sku <> items.sku`,
  ],
  quantity: [
    `SELECT row_number, 'quantity', 'out_of_range', 'is more than a location holds', staged.quantity::text
     FROM staged LEFT JOIN items USING (sku) WHERE ${stepsSql('staged.quantity', DECIMALS)} > ${ON_HAND_LIMIT}
       AND NOT EXISTS (SELECT FROM stock_levels WHERE item_id = items.id)`,
    finerThanItem('quantity'),
  ],
  reorder_point: [finerThanItem('reorder_point')],
  decimals: [
    `SELECT row_number, 'decimals', 'lowered', 'is less than the ' || items.decimals ||
       ' of the item, which has or had stock', staged.decimals::text
     FROM staged JOIN items USING (sku) WHERE staged.decimals < items.decimals
       AND EXISTS (SELECT FROM stock_levels WHERE item_id = items.id)`,
    `SELECT row_number, 'decimals', 'decimals', 'the reorder point of the item has more', staged.decimals::text
     FROM staged JOIN items USING (sku) WHERE staged.decimals < items.decimals AND staged.reorder_point IS NULL
       AND ${isTooFineSql(`trim_scale(${exactQuantitySql('items.reorder_point', 'items.decimals')})`, 'staged.decimals')}`,
    `SELECT row_number, 'decimals', 'out_of_range', 'are too many for what is in stock', staged.decimals::text
     FROM staged JOIN items USING (sku) WHERE staged.decimals > items.decimals AND EXISTS (
       SELECT FROM stock_levels WHERE item_id = items.id
         AND ${stepsSql(exactQuantitySql('on_hand', 'stock_levels.decimals'), 'staged.decimals')} > ${ON_HAND_LIMIT})`,
  ],
  ...Object.fromEntries(REFERENCES.map((reference) => [reference.column, [unknown(reference)]])),
};

/**
 * Finds every flaw of the staged rows and takes the flawed rows out of the staging table.
 *
 * @param columns of the file.
 * @returns how many flaws there are; they are in the temporary table `flawed`.
 */
export async function findFlaws(session: Session, columns: readonly Column[]): Promise<number> {
  // Keeps others from adding items until the end of the transaction; reading and moving stock goes on.
  await session.query({ text: 'LOCK TABLE items IN SHARE ROW EXCLUSIVE MODE' });
  const errors = [ERRORS_OF_ROWS, ...columns.flatMap((column) => CHECKS[column] ?? [])];
  await session.query({
    text: `CREATE TEMPORARY TABLE flawed ON COMMIT DROP AS ${errors.join(' UNION ALL ')}`,
  });
  const [row] = await session.query<{ count: number }>({ text: 'SELECT count(*) FROM flawed' });
  const count = row?.count ?? 0;
  if (count > 0) {
    await session.query({
      text: 'DELETE FROM staged USING flawed WHERE staged.row_number = flawed.row_number',
    });
  }
  return count;
}

// A row's item as it will be, in the order of the file. A new item has its id already, so that it need not be looked
// for once it is there.
function targets(columns: readonly Column[]): string {
  const joined = REFERENCES.filter(({ column }) => columns.includes(column));
  const [category, supplier, location] = REFERENCES.map(({ column, table, otherwise }) =>
    columns.includes(column) ? `coalesce(${table}.id, ${otherwise})` : otherwise,
  );
  return `
  CREATE TEMPORARY TABLE target ON COMMIT DROP AS
  SELECT coalesce(known_id, nextval('items_id_seq')) AS id, known_id IS NULL AS is_new, planned.*
  FROM (
    SELECT items.id AS known_id, staged.sku, staged.name,
      ${category} AS category_id, ${supplier} AS supplier_id,
      coalesce(staged.unit, items.unit, 'each') AS unit, ${DECIMALS}::smallint AS decimals,
      coalesce(staged.unit_price, items.unit_price, 0) AS unit_price,
      ${stepsSql('coalesce(staged.reorder_point, reorder.point, 0)', DECIMALS)}::bigint AS reorder_point,
      coalesce(staged.barcode, items.barcode) AS barcode,
      ${stepsSql('coalesce(staged.quantity, 0)', DECIMALS)}::bigint AS quantity, ${location} AS location_id,
      staged.row_number, staged.quantity AS stated,
      items.id IS NOT NULL AND (items.name, items.category_id, items.supplier_id, items.unit, items.decimals,
        items.unit_price, reorder.point, items.barcode) IS DISTINCT FROM (staged.name, ${category}, ${supplier},
        coalesce(staged.unit, items.unit), coalesce(staged.decimals, items.decimals),
        coalesce(staged.unit_price, items.unit_price), coalesce(staged.reorder_point, reorder.point),
        coalesce(staged.barcode, items.barcode)) AS differs
    FROM staged
    LEFT JOIN items USING (sku)
    CROSS JOIN LATERAL (SELECT ${exactQuantitySql('items.reorder_point', 'items.decimals')} AS point) AS reorder
    ${joined.map(({ column, table, key }) => `LEFT JOIN ${table} ON ${table}.${key} = staged.${column}`).join(' ')}
    ORDER BY row_number
  ) AS planned`;
}

// A file's quantity is opening stock, for an item that was never at the file's location or, where the file names none,
// never anywhere: an export has the sum of all. Other items have their ledger, even if they are sold out now.
const known = (columns: readonly Column[]) => `
  (SELECT sum(${exactQuantitySql('on_hand', 'stock_levels.decimals')}) FROM stock_levels WHERE item_id = target.id
    ${columns.includes('location') ? 'AND stock_levels.location_id = target.location_id' : ''})`;

/** Takes note of what was in stock of the items that were known. */
const HELD = (columns: readonly Column[]) => `
  CREATE TEMPORARY TABLE held ON COMMIT DROP AS
  SELECT id, row_number, stated, ${known(columns)} AS on_hand FROM target
  WHERE NOT is_new AND stated IS NOT NULL AND ${known(columns)} IS NOT NULL`;

const COUNTS = `
  SELECT count(*) FILTER (WHERE is_new) AS created, count(*) FILTER (WHERE differs) AS updated,
    count(*) FILTER (WHERE NOT is_new AND NOT differs) AS unchanged,
    count(*) FILTER (WHERE quantity > 0 AND (is_new OR NOT EXISTS (SELECT FROM held WHERE held.id = target.id)))
      AS stocked,
    (SELECT count(*) FROM held WHERE stated <> on_hand) AS "quantityIgnored"
  FROM target`;

const WARNINGS = `
  INSERT INTO import_errors (import_id, row_number, column_name, code, message, value, severity)
  SELECT $1, row_number, 'quantity', 'quantity_ignored',
    'is not taken, ' || on_hand || ' are in stock: only opening stock is, a count changes the rest', stated::text,
    'warning'
  FROM held WHERE stated <> on_hand`;

const CREATE_ITEMS = `
  INSERT INTO items (id, sku, name, category_id, supplier_id, unit, decimals, unit_price, reorder_point, barcode)
  OVERRIDING SYSTEM VALUE
  SELECT id, sku, name, category_id, supplier_id, unit, decimals, unit_price, reorder_point, barcode
  FROM target WHERE is_new`;

const UPDATE_ITEMS = `
  UPDATE items SET name = target.name, category_id = target.category_id, supplier_id = target.supplier_id,
    unit = target.unit, decimals = target.decimals, unit_price = target.unit_price,
    reorder_point = target.reorder_point, barcode = target.barcode, version = version + 1, updated_at = now()
  FROM target WHERE items.id = target.id AND differs
  RETURNING items.*`;

// What an import makes of items is in the audit log as what others make of them. The state is left out for new ones:
// half of the database's work in an import, for what the file says. They are written from the plan, since to hand every
// row on from the insert costs as much as a third of it.
const AUDIT = 'INSERT INTO audit_log (actor_id, request_id, action, entity, entity_id, state)';
const AUDIT_CREATED = `
  ${AUDIT} SELECT $1::bigint, $2::text, 'import', 'item', id, NULL FROM target WHERE is_new`;
const UPDATE_AUDITED = `
  WITH changed AS (${UPDATE_ITEMS})
  ${AUDIT} SELECT $1::bigint, $2::text, 'import', 'item', id, ${itemState('changed')} FROM changed`;

// A new item has been nowhere, and to look for a conflict costs as much as the insert.
const OPEN_STOCK = `
  WITH opened_new AS (
    INSERT INTO stock_levels (item_id, location_id, on_hand, decimals)
    SELECT id, location_id, quantity, decimals FROM target WHERE is_new AND quantity > 0
  ),
  opened_known AS (
    INSERT INTO stock_levels (item_id, location_id, on_hand, decimals)
    SELECT id, location_id, quantity, decimals FROM target
    WHERE NOT is_new AND quantity > 0 AND NOT EXISTS (SELECT FROM held WHERE held.id = target.id) ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING item_id, location_id, on_hand, decimals
  ),
  opened AS (
    SELECT id AS item_id, location_id, quantity AS on_hand, decimals FROM target WHERE is_new AND quantity > 0
    UNION ALL SELECT * FROM opened_known
  ),
  operation AS MATERIALIZED (SELECT nextval('movement_groups') AS group_id)
  INSERT INTO movements (group_id, item_id, location_id, delta, balance_after, decimals, kind, reference, actor_id)
  SELECT group_id, item_id, location_id, on_hand, on_hand, decimals, 'import', $1::text, $2::bigint
  FROM opened, operation`;

/**
 * Prepares the merge of the staged rows.
 *
 * @param columns of the file.
 * @returns what it will do.
 */
export async function planMerge(session: Session, columns: readonly Column[]): Promise<MergeCounts> {
  await session.query({ text: targets(columns) });
  await session.query({ text: HELD(columns) });
  const [counts] = await session.query<MergeCounts & Record<string, unknown>>({ text: COUNTS });
  if (!counts) throw new Error('an aggregate has one row');
  return counts;
}

/**
 * Does what `planMerge` has prepared.
 *
 * The planner learns at once how many items there are. What it knows of a table is as old as the last ANALYZE; where
 * that came after an import that was rolled back, it is "many pages, no rows", and a join compares everything with
 * everything. A small sample tells.
 *
 * @param counts what it will do.
 * @param reference of the movements that open stock.
 */
export async function merge(
  session: Session,
  counts: MergeCounts,
  reference: string,
  { userId, requestId }: Actor,
): Promise<void> {
  await session.query({ text: CREATE_ITEMS });
  await session.query({ text: AUDIT_CREATED }, [userId, requestId]);
  await session.query({ text: 'SET LOCAL default_statistics_target = 1' });
  await session.query({ text: 'ANALYZE items (id)' });
  if (counts.updated > 0) await session.query({ text: UPDATE_AUDITED }, [userId, requestId]);
  await session.query({ text: OPEN_STOCK }, [reference, userId]);
}

/** Puts on record what `planMerge` found that is not taken. */
export async function recordWarnings(session: Session, importId: number): Promise<void> {
  await session.query({ text: WARNINGS }, [importId]);
}

/** What makes searches fast again after a merge. Autovacuum would do it as well, within a minute. */
export async function settle(session: Session): Promise<void> {
  // Behind another import it would hold a connection for as long as that takes.
  await session.query({ text: "SET LOCAL lock_timeout = '1s'" });
  await session.query({ text: `SELECT gin_clean_pending_list('items_search_words_idx')` });
  await session.query({ text: 'ANALYZE items, stock_levels' });
}
