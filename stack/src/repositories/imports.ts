import type { Readable } from 'node:stream';
import type { Database, Session } from '../database/database.js';
import { safeCell } from '../importer/formulas.js';
import { notFound } from '../problem.js';
import { type Actor, audited } from './audit.js';
import { listPage, type Page } from './keyset.js';

/** How long the flaws of a file are kept: by then it was mended, or is of no use. */
export const FLAW_DAYS = 30;
/** And of how many files at most, the newest: one may have a million flaws. */
export const IMPORTS_WITH_FLAWS = 1000;
/** How long it is on record that a file was uploaded; that items were changed by it, in the audit log, stays. */
export const IMPORT_DAYS = 365;

export interface ImportRecord {
  /** From `newImportId`. */
  readonly id: number;
  readonly kind: 'items' | 'counts';
  readonly source: 'startup' | 'upload';
  readonly mode: 'dry-run' | 'atomic' | 'partial';
  readonly status: 'applied' | 'checked' | 'rejected';
  readonly sha256: string;
  readonly bytes: number;
  readonly row_count: number;
  readonly created_count: number;
  readonly updated_count: number;
  readonly unchanged_count: number;
  readonly stocked_count: number;
  readonly error_count: number;
  readonly encoding: string;
  readonly layout: string;
  readonly ignored_columns: readonly string[];
  readonly skipped_count: number;
  readonly quantity_ignored_count: number;
  readonly started_at: Date;
}

export interface ImportFlaw {
  readonly row_number: number;
  readonly column_name: string | null;
  readonly code: string;
  readonly message: string;
}

const COLUMNS = `id, kind, source, mode, status, sha256, bytes, encoding, layout, ignored_columns, row_count AS rows,
  skipped_count AS skipped, created_count AS created, updated_count AS updated, unchanged_count AS unchanged,
  stocked_count AS stocked, quantity_ignored_count AS quantity_ignored, error_count AS errors, actor_id, started_at,
  finished_at`;
const SHOWN = `row_to_json((SELECT shown FROM (SELECT ${COLUMNS}) AS shown))::text`;

/** The files that were taken, and what was wrong with their rows. */
export class Imports {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The newest first. */
  list(
    limit: number,
    after: { readonly key: string | number; readonly id: number } | undefined,
    { kind, status }: { readonly kind?: string | undefined; readonly status?: string | undefined } = {},
  ): Promise<Page> {
    const conditions: [string, unknown][] = [];
    if (kind !== undefined) conditions.push(['kind = ?', kind]);
    if (status !== undefined) conditions.push(['status = ?', status]);
    return listPage(this.#database, {
      table: 'imports',
      shown: COLUMNS,
      column: 'id',
      descending: true,
      limit,
      after,
      conditions,
    });
  }

  /** @returns the record as JSON text. @throws {Problem} 404. */
  async find(id: number): Promise<string> {
    const [row] = await this.#database.query<{ json: string }>(
      { text: `SELECT ${SHOWN} AS json FROM imports WHERE id = $1` },
      [id],
    );
    if (!row) throw notFound('import');
    return row.json;
  }

  /** The first flaws of an import, in the order of its rows. */
  flaws(id: number, limit: number): Promise<ImportFlaw[]> {
    return this.#database.query<ImportFlaw & Record<string, unknown>>(
      {
        text: `SELECT row_number, column_name, code, message FROM import_errors WHERE import_id = $1 AND severity = 'error'
               ORDER BY row_number, column_name LIMIT $2`,
      },
      [id, limit],
    );
  }

  /** All flaws of an import as CSV. */
  flawsAsCsv(id: number, take: (rows: Readable) => Promise<void>): Promise<void> {
    if (!Number.isSafeInteger(id))
      throw new TypeError('COPY takes no parameters: the id becomes part of the text');
    return this.#database.copyOut(
      `COPY (SELECT row_number AS row, column_name AS column, code, message,
         ${safeCell('value')} AS value, severity FROM import_errors
       WHERE import_id = ${id} ORDER BY row_number, column_name) TO STDOUT WITH (FORMAT csv, HEADER)`,
      take,
    );
  }
}

/** An id for an import that is not on record yet, since its movements name it. */
export async function newImportId(session: Session): Promise<number> {
  const [row] = await session.query<{ id: number }>({
    text: `SELECT nextval(pg_get_serial_sequence('imports', 'id')) AS id`,
  });
  if (!row) throw new Error('nextval has one row');
  return row.id;
}

/** Puts the flaws in the temporary table `flawed` on record. */
export async function recordFlaws(session: Session, importId: number): Promise<void> {
  await session.query(
    {
      text: `INSERT INTO import_errors (import_id, row_number, column_name, code, message, value)
             SELECT $1, row_number, "column", code, message, value FROM flawed
             ORDER BY row_number, "column"`,
    },
    [importId],
  );
}

/** Puts an import on record. */
export async function recordImport(session: Session, record: ImportRecord, by: Actor): Promise<void> {
  const fields = { ...record, actor_id: by.userId };
  const parameters = Object.keys(fields).map((_, index) => `$${index + 1}`);
  await audited(session, {
    by,
    action: 'import',
    entity: 'import',
    change: `INSERT INTO imports (${Object.keys(fields).join(', ')}) VALUES (${parameters.join(', ')}) RETURNING *`,
    values: Object.values(fields),
    answer: 'id',
    event: record.status === 'applied' ? { type: 'import.applied', data: SHOWN } : undefined,
  });
}
