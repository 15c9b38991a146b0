import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Database, Session } from '../database/database.js';
import { type Actor, SYSTEM } from '../repositories/audit.js';
import { newImportId, recordFlaws, recordImport } from '../repositories/imports.js';
import type { Spool } from '../spool/spool.js';
import { ITEM_FILE } from './columns.js';
import { openInventory } from './csv.js';
import { type HeaderMapping, NO_MAPPING } from './layout.js';
import { findFlaws, type MergeCounts, merge, planMerge, recordWarnings, settle } from './merge.js';
import { receive, type SourceFile, sourceFromDisk } from './source-file.js';
import { PREPARE_STAGING, stage } from './staging.js';

export const IMPORT_MODES = ['dry-run', 'atomic', 'partial'] as const;
export type ImportMode = (typeof IMPORT_MODES)[number];

/** So that processes that start together read the file one after the other: 'csv1' in ASCII. */
const STARTUP_LOCK = 0x63737631;

const NOTHING: MergeCounts = { created: 0, updated: 0, unchanged: 0, stocked: 0, quantityIgnored: 0 };

/** How an import ended. */
export interface ImportOutcome {
  readonly id: number;
  readonly status: 'applied' | 'checked' | 'rejected';
  readonly rows: number;
  readonly errors: number;
  readonly counts: MergeCounts;
}

interface ImportRequest {
  readonly source: 'startup' | 'upload';
  readonly mode: ImportMode;
  readonly by: Actor;
  readonly mapping: HeaderMapping;
}

/** Takes files as inventory: read as a stream into a temporary table, checked there, then merged. */
export class Importer {
  readonly #database: Database;
  readonly #spool: Spool;

  constructor(database: Database, spool: Spool) {
    this.#database = database;
    this.#spool = spool;
  }

  /**
   * Imports an uploaded file. In mode `atomic`, one flawed row keeps all others out; in mode `partial` it keeps
   * out only itself; a `dry-run` changes no item. Whatever the outcome, it is on record with every flaw.
   *
   * @throws {Problem} 413 or 422 for what is no CSV file with the columns that items have, and what `receive` throws;
   *   nothing is on record.
   */
  async upload(
    upload: Readable,
    mode: ImportMode,
    by: Actor,
    mapping: HeaderMapping = NO_MAPPING,
  ): Promise<ImportOutcome> {
    const file = await receive(upload, this.#spool);
    try {
      const outcome = await this.#database.bulk((session) =>
        this.#import(session, file, { source: 'upload', mode, by, mapping }),
      );
      this.#settleLater(outcome);
      return outcome;
    } finally {
      await file.close();
    }
  }

  /**
   * Imports the file at `path`, unless a file of the same content was taken at a start before. An import that was
   * rejected counts: it would be again.
   *
   * @returns nothing if there is no such file, or it was taken before.
   */
  async importOnce(path: string): Promise<ImportOutcome | undefined> {
    const exists = await stat(path).then(
      (entry) => entry.isFile(),
      () => false,
    );
    if (!exists) return undefined;
    const file = await sourceFromDisk(path);
    const outcome = await this.#database.bulk(async (session) => {
      await session.query({ text: 'SELECT pg_advisory_xact_lock($1)' }, [STARTUP_LOCK]);
      const [known] = await session.query(
        { text: `SELECT FROM imports WHERE source = 'startup' AND sha256 = $1` },
        [file.sha256],
      );
      if (known) return undefined;
      return this.#import(session, file, {
        source: 'startup',
        mode: 'atomic',
        by: SYSTEM,
        mapping: NO_MAPPING,
      });
    });
    if (outcome) this.#settleLater(outcome);
    return outcome;
  }

  /** Nobody waits for it, and a failure of it is only a loss of speed. */
  #settleLater({ status }: ImportOutcome): void {
    if (status === 'applied') this.#database.bulk(settle).catch(() => {});
  }

  async #import(
    session: Session & { readonly client: Parameters<typeof stage>[0] },
    file: SourceFile,
    { source, mode, by, mapping }: ImportRequest,
  ): Promise<ImportOutcome> {
    const startedAt = new Date();
    for (const statement of PREPARE_STAGING) await session.query(statement);
    const inventory = await openInventory(file, mapping, ITEM_FILE);
    const rows = await stage(session.client, inventory);
    const errors = await findFlaws(session, inventory.columns);
    const rejected = mode === 'atomic' && errors > 0;
    const status = rejected ? 'rejected' : mode === 'dry-run' ? 'checked' : 'applied';
    const counts = rejected ? NOTHING : await planMerge(session, inventory.columns);
    const id = await newImportId(session);
    if (status === 'applied') await merge(session, counts, `import ${id}`, by);
    await recordImport(
      session,
      {
        id,
        kind: 'items',
        source,
        mode,
        status,
        sha256: file.sha256,
        bytes: file.bytes,
        row_count: rows,
        created_count: counts.created,
        updated_count: counts.updated,
        unchanged_count: counts.unchanged,
        stocked_count: counts.stocked,
        error_count: errors,
        encoding: file.encoding,
        layout: inventory.layout.name,
        ignored_columns: inventory.layout.ignored,
        skipped_count: inventory.skipped(),
        quantity_ignored_count: counts.quantityIgnored,
        started_at: startedAt,
      },
      by,
    );
    if (errors > 0) await recordFlaws(session, id);
    if (counts.quantityIgnored > 0) await recordWarnings(session, id);
    return { id, status, rows, errors, counts };
  }
}
