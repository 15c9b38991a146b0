import type { Readable } from 'node:stream';
import type { BulkTransaction, Database, Session } from '../database/database.js';
import { exactQuantitySql, isTooFineSql, stepsSql, tooFineSql } from '../ledger/quantities.js';
import { ON_HAND_LIMIT } from '../ledger/statements.js';
import { Problem } from '../problem.js';
import type { Actor } from '../repositories/audit.js';
import { newImportId, recordFlaws, recordImport } from '../repositories/imports.js';
import type { Spool } from '../spool/spool.js';
import { COUNT_FILE, type Column } from './columns.js';
import { openInventory } from './csv.js';
import type { ImportMode } from './importer.js';
import type { HeaderMapping } from './layout.js';
import { ERRORS_OF_ROWS } from './merge.js';
import { receive, type SourceFile } from './source-file.js';
import { PREPARE_STAGING, stage } from './staging.js';

export interface CountRequest {
  readonly mode: ImportMode;
  readonly by: Actor & { readonly userId: number };
  readonly mapping: HeaderMapping;
  /** Where rows without a location were counted. */
  readonly locationId: number;
  readonly reason?: string | undefined;
  /** Without it, the movements refer to the import. */
  readonly reference?: string | undefined;
}

export interface CountOutcome {
  readonly id: number;
  readonly status: 'applied' | 'checked' | 'rejected';
  readonly errors: number;
  /** Movements that were written. */
  readonly moved: number;
}

interface Differences {
  /** Levels that are not as counted. */
  readonly updated: number;
  readonly unchanged: number;
}

const NO_DIFFERENCES: Differences = { updated: 0, unchanged: 0 };

/** What is wrong with a number that was written down, for its item. */
const IS_TOO_FINE = isTooFineSql('staged.counted', 'items.decimals');
const IS_TOO_MUCH = `${stepsSql('staged.counted', 'items.decimals')} > ${ON_HAND_LIMIT}`;

// Every row with the item and the location that it is of, and without a number that its item cannot have. $1 is the location of rows that name none.
const RESOLVE = (columns: readonly Column[]) => `
  CREATE TEMPORARY TABLE counted ON COMMIT DROP AS
  SELECT staged.row_number, staged.sku, staged.barcode, staged.location, staged.counted AS written,
    ${IS_TOO_FINE} AS is_too_fine, CASE WHEN ${IS_TOO_FINE} OR ${IS_TOO_MUCH} THEN NULL ELSE staged.counted END AS counted,
    items.id AS item_id, items.sku AS item_sku, items.archived_at IS NOT NULL AS archived, items.decimals,
    ${columns.includes('location') ? 'CASE WHEN staged.location IS NULL THEN $1::bigint ELSE locations.id END' : '$1::bigint'}
      AS location_id
  FROM staged
  LEFT JOIN items ON items.id = CASE WHEN staged.sku IS NULL
    THEN (SELECT id FROM items AS scanned WHERE scanned.barcode = staged.barcode)
    ELSE (SELECT id FROM items AS named WHERE named.sku = staged.sku) END
  ${columns.includes('location') ? 'LEFT JOIN locations ON locations.code = staged.location' : ''}`;

/** In the order in which every operation locks them. */
const LOCK_LEVELS = `
  SELECT count(*) FROM (
    SELECT FROM stock_levels JOIN counted USING (item_id, location_id)
    ORDER BY item_id, location_id FOR UPDATE OF stock_levels
  ) AS locked`;

const FLAWS = `
  CREATE TEMPORARY TABLE flawed ON COMMIT DROP AS
  ${ERRORS_OF_ROWS}
  UNION ALL
  SELECT row_number, 'sku', 'missing', 'is missing, and so is a barcode', NULL
  FROM counted WHERE sku IS NULL AND barcode IS NULL
    AND NOT EXISTS (SELECT FROM staged WHERE staged.row_number = counted.row_number AND errors IS NOT NULL)
  UNION ALL
  SELECT row_number, CASE WHEN sku IS NULL THEN 'barcode' ELSE 'sku' END, 'unknown', 'is of no item',
    coalesce(sku, barcode)
  FROM counted WHERE item_id IS NULL AND (sku IS NOT NULL OR barcode IS NOT NULL)
  UNION ALL
  SELECT row_number, CASE WHEN sku IS NULL THEN 'barcode' ELSE 'sku' END, 'archived', 'is of an archived item',
    coalesce(sku, barcode)
  FROM counted WHERE archived
  UNION ALL
  SELECT row_number, 'barcode', 'mismatch', 'belongs to item ' || items.sku, counted.barcode
  FROM counted JOIN items USING (barcode) WHERE counted.sku IS NOT NULL AND items.id IS DISTINCT FROM item_id
  UNION ALL
  SELECT row_number, 'counted', CASE WHEN is_too_fine THEN 'decimals' ELSE 'out_of_range' END,
    CASE WHEN is_too_fine THEN ${tooFineSql('decimals')} ELSE 'is more than a location holds' END, written::text
  FROM counted WHERE counted IS NULL AND written IS NOT NULL
  UNION ALL
  SELECT row_number, 'location', 'unknown', 'is no location', location
  FROM counted WHERE location_id IS NULL
  UNION ALL
  SELECT row_number, CASE WHEN sku IS NULL THEN 'barcode' ELSE 'sku' END, 'duplicate',
    'is counted in row ' || first || ' already', coalesce(sku, barcode)
  FROM counted JOIN (
    SELECT item_id, location_id, min(row_number) AS first FROM counted
    WHERE item_id IS NOT NULL AND location_id IS NOT NULL AND counted IS NOT NULL
    GROUP BY item_id, location_id HAVING count(*) > 1
  ) AS repeated USING (item_id, location_id)
  WHERE row_number > first AND counted IS NOT NULL`;

const LEAVE_OUT_FLAWED = `
  DELETE FROM counted WHERE counted IS NULL OR row_number IN (SELECT row_number FROM flawed)`;

/** What is on record of a row, in the item's unit. */
const ON_RECORD = exactQuantitySql(
  'coalesce(on_hand, 0)',
  'coalesce(stock_levels.decimals, counted.decimals)',
);

const COMPARE = `
  SELECT count(*) FILTER (WHERE counted <> ${ON_RECORD}) AS updated,
    count(*) FILTER (WHERE counted = ${ON_RECORD}) AS unchanged
  FROM counted LEFT JOIN stock_levels USING (item_id, location_id)`;

/** What a count would change, for who looks at a dry run. */
const RECORD_DIFFERENCES = `
  INSERT INTO import_errors (import_id, row_number, column_name, code, message, value, severity)
  SELECT $1, row_number, 'counted', 'differs', 'would change ' || ${ON_RECORD} || ' on hand by '
    || CASE WHEN counted > ${ON_RECORD} THEN '+' ELSE '' END || round(counted - ${ON_RECORD}, counted.decimals),
    counted::text, 'warning'
  FROM counted LEFT JOIN stock_levels USING (item_id, location_id)
  WHERE counted <> ${ON_RECORD} ORDER BY row_number`;

/** A level is opened for what was found where nothing is on record. An item that is archived meanwhile gets none. */
const OPEN_LEVELS = `
  INSERT INTO stock_levels (item_id, location_id, decimals)
  SELECT items.id, location_id, items.decimals FROM counted JOIN items ON items.id = item_id AND archived_at IS NULL
  WHERE counted > 0
    AND NOT EXISTS (SELECT FROM stock_levels AS known
      WHERE known.item_id = items.id AND known.location_id = counted.location_id)
  ORDER BY items.id, location_id FOR SHARE OF items ON CONFLICT DO NOTHING`;

const UNOPENED = `
  SELECT FROM counted LEFT JOIN stock_levels USING (item_id, location_id)
  WHERE counted > 0 AND on_hand IS NULL OR closed LIMIT 1`;

// Every level is locked by this transaction, so that what is read here is what is changed: its decimals as well, which may
// have been raised since the rows were looked at.
const APPLY = `
  WITH difference AS MATERIALIZED (
    SELECT item_id, location_id, steps, steps - on_hand AS delta, stock_levels.decimals
    FROM counted JOIN stock_levels USING (item_id, location_id),
      LATERAL (SELECT ${stepsSql('counted', 'stock_levels.decimals')}::bigint AS steps) AS found
    WHERE steps <> on_hand
  ),
  operation AS MATERIALIZED (SELECT nextval('movement_groups') AS group_id),
  level AS (
    UPDATE stock_levels SET on_hand = steps FROM difference
    WHERE stock_levels.item_id = difference.item_id AND stock_levels.location_id = difference.location_id
  ),
  movement AS (
    INSERT INTO movements (group_id, item_id, location_id, delta, balance_after, decimals, kind, reason, reference,
      actor_id)
    SELECT group_id, item_id, location_id, delta, steps, decimals, 'count', $1::text, $2::text, $3::bigint
    FROM difference, operation ORDER BY item_id, location_id RETURNING 1
  )
  SELECT count(*) AS moved FROM movement`;

/** Takes files of what was counted: each row sets the stock of one item at one location. */
export class CountFiles {
  readonly #database: Database;
  readonly #spool: Spool;

  constructor(database: Database, spool: Spool) {
    this.#database = database;
    this.#spool = spool;
  }

  /**
   * Takes a file. Modes are those of an import of items; the file is on record as one, whatever the outcome. A dry
   * run has what would change as warnings.
   *
   * @throws {Problem} 413 or 422 for what is no CSV file with counts, 503 where an item is archived meanwhile, and what
   *   `receive` throws; nothing is on record.
   */
  async upload(upload: Readable, request: CountRequest): Promise<CountOutcome> {
    const file = await receive(upload, this.#spool);
    try {
      return await this.#database.bulk((session) => this.#take(session, file, request));
    } finally {
      await file.close();
    }
  }

  async #take(session: BulkTransaction, file: SourceFile, request: CountRequest): Promise<CountOutcome> {
    const { mode, by, mapping, locationId, reason, reference } = request;
    const startedAt = new Date();
    for (const statement of PREPARE_STAGING) await session.query(statement);
    const counts = await openInventory(file, mapping, COUNT_FILE);
    const rows = await stage(session.client, counts);
    await session.query({ text: RESOLVE(counts.columns) }, [locationId]);
    await session.query({ text: 'ANALYZE counted' });
    if (mode !== 'dry-run') await session.query({ text: LOCK_LEVELS });
    await session.query({ text: FLAWS });
    const errors = await countOf(session, 'SELECT count(*) FROM flawed');
    const rejected = mode === 'atomic' && errors > 0;
    const status = rejected ? 'rejected' : mode === 'dry-run' ? 'checked' : 'applied';
    await session.query({ text: LEAVE_OUT_FLAWED });
    const differences = rejected ? NO_DIFFERENCES : await compare(session);
    const id = await newImportId(session);
    const moved =
      status === 'applied'
        ? await apply(session, [reason ?? null, reference ?? `import ${id}`, by.userId])
        : 0;
    await recordImport(
      session,
      {
        id,
        kind: 'counts',
        source: 'upload',
        mode,
        status,
        sha256: file.sha256,
        bytes: file.bytes,
        row_count: rows,
        created_count: 0,
        updated_count: status === 'applied' ? moved : differences.updated,
        unchanged_count: differences.unchanged,
        stocked_count: 0,
        error_count: errors,
        encoding: file.encoding,
        layout: counts.layout.name,
        ignored_columns: counts.layout.ignored,
        skipped_count: 0,
        quantity_ignored_count: 0,
        started_at: startedAt,
      },
      by,
    );
    if (errors > 0) await recordFlaws(session, id);
    if (status === 'checked') await session.query({ text: RECORD_DIFFERENCES }, [id]);
    return { id, status, errors, moved };
  }
}

async function compare(session: Session): Promise<Differences> {
  const [found] = await session.query<Differences & Record<string, unknown>>({ text: COMPARE });
  if (!found) throw new Error('an aggregate has one row');
  return found;
}

/** @returns how many movements were written. */
async function apply(session: Session, values: readonly unknown[]): Promise<number> {
  await session.query({ text: OPEN_LEVELS });
  // Those that were opened, by this transaction or by another one meanwhile.
  await session.query({ text: LOCK_LEVELS });
  const unopened = await session.query({ text: UNOPENED });
  if (unopened.length > 0) {
    throw new Problem(503, 'busy', 'An item was archived meanwhile. Try again.', {
      headers: { 'retry-after': '1' },
    });
  }
  const [row] = await session.query<{ moved: number }>({ text: APPLY }, values);
  return row?.moved ?? 0;
}

async function countOf(session: Session, text: string): Promise<number> {
  const [row] = await session.query<{ count: number }>({ text });
  return row?.count ?? 0;
}
