import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../../engine/database-access.js';
import { splitSql } from '../../engine/sql-statements.js';
import { ExitCode, UserError } from '../../errors.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import { MIGRATIONS_TABLE } from '../../postgres/facts.js';
import { withSession } from '../../postgres/open-session.js';
import { onlyRow } from '../../postgres/session.js';
import { withProjectLock } from '../../system/lock.js';
import { literal } from '../../system/sql.js';
import type { ServiceContext } from '../context.js';
import { migrationFiles } from './migrations.js';

/**
 * The advisory lock that the API of the compose-stack template takes for its migrations
 * (stack/src/database/migrate.ts).
 */
const MIGRATION_LOCK = 5_003_000_001;
const LOCK_RETRY_MS = 100;

/**
 * First line of a file that runs outside of a transaction. Each of its statements ends a line and can be
 * repeated.
 */
const OUTSIDE = '-- outside of a transaction';

interface Migration {
  version: number;
  name: string;
  file: string;
  sql: string;
  /** SHA-256 of the file with LF line ends, in hex. */
  checksum: string;
}

export interface Migrated {
  /** Version of the schema after the call. */
  version: number;
  /** Files that this call applied. */
  applied: string[];
}

/**
 * Applies the app's pending migrations, each in its own transaction, as the API does when it starts. An API
 * that starts meanwhile waits.
 *
 * @throws UserError NO_MIGRATIONS (exit 4), MIGRATION_INVALID, MIGRATION_CHANGED, SCHEMA_NEWER,
 * MIGRATION_FAILED: the schema is then at the version before.
 */
export async function migrate(context: ServiceContext): Promise<Migrated> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location, { command: 'invctl db migrate', signal: context.signal }, async () => {
    const database = await findDatabase(engine, location);
    const migrations = await readMigrations(database);
    return withSession(
      database,
      { applicationName: 'invctl db migrate', signal: context.signal, asProject: true },
      (session) => applyMissing(session, migrations),
    );
  });
}

/**
 * Applies the app's migrations in any database of the server.
 * @returns the names of the files; empty for an app that has no such folder and migrates itself.
 * @throws UserError as {@link migrate}
 */
export async function applyMigrations(database: Database, session: Session): Promise<string[]> {
  if ((await migrationFiles(database)).length === 0) return [];
  return (await applyMissing(session, await readMigrations(database))).applied;
}

async function readMigrations(database: Database): Promise<Migration[]> {
  const files = await migrationFiles(database);
  if (files.length === 0) {
    throw new UserError({
      code: 'NO_MIGRATIONS',
      message: 'the app has no folder migrations/ with NNNN_name.sql files',
      hint: "use the app's own tool, e.g.: invctl run SERVICE -- npm run migrate",
      exitCode: ExitCode.projectInvalid,
    });
  }
  return Promise.all(
    files.map(async (file, index) => {
      const [, digits, name] = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(basename(file)) ?? [];
      if (Number(digits) !== index + 1 || name === undefined) {
        throw new UserError({
          code: 'MIGRATION_INVALID',
          message: `${basename(file)} should be named ${String(index + 1).padStart(4, '0')}_name.sql`,
          hint: 'number the migrations without a gap',
          file,
        });
      }
      const sql = (await readFile(file, 'utf8')).replaceAll('\r\n', '\n');
      const checksum = createHash('sha256').update(sql).digest('hex');
      return { version: index + 1, name, file, sql, checksum };
    }),
  );
}

async function applyMissing(session: Session, migrations: readonly Migration[]): Promise<Migrated> {
  await lock(session);
  await session.run(`CREATE TABLE IF NOT EXISTS ${MIGRATIONS_TABLE} (
    version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now());`);
  const rows = await session.rows<{ version: number; name: string; checksum: string }>(
    `SELECT version, name, checksum FROM ${MIGRATIONS_TABLE} ORDER BY version`,
  );
  for (const row of rows) assertSame(row, migrations[row.version - 1]);
  const missing = migrations.slice(rows.length);
  for (const migration of missing) await apply(session, migration);
  return { version: migrations.length, applied: missing.map(({ file }) => basename(file)) };
}

/**
 * Polls for the lock. A statement that waits for it would hold a snapshot, and building an index waits for
 * the end of such snapshots.
 */
async function lock(session: Session): Promise<void> {
  const attempt = `SELECT pg_try_advisory_lock(${MIGRATION_LOCK}) AS locked`;
  while (!(await onlyRow<{ locked: boolean }>(session, attempt)).locked) await delay(LOCK_RETRY_MS);
}

function assertSame(
  row: { version: number; name: string; checksum: string },
  migration: Migration | undefined,
): void {
  if (!migration) {
    throw new UserError({
      code: 'SCHEMA_NEWER',
      message: `the database is at migration ${row.version} (${row.name}), which this version of the app does not have`,
      hint: 'deploy the newer version of the app, or restore an earlier backup: invctl db list',
    });
  }
  if (migration.checksum === row.checksum) return;
  throw new UserError({
    code: 'MIGRATION_CHANGED',
    message: `migration ${row.version} (${migration.name}) was changed after it was applied`,
    hint: 'restore the file as it was, and put the change into a new one',
    file: migration.file,
  });
}

async function apply(session: Session, { version, name, file, sql, checksum }: Migration): Promise<void> {
  const { open } = splitSql(sql);
  // The statements that follow would become part of it, and psql would wait for its end without a message.
  if (open !== undefined && open !== 'statement') {
    throw new UserError({
      code: 'MIGRATION_FAILED',
      message: `${basename(file)} ends within a ${open}, and the schema is at version ${version - 1}`,
      hint: `mend ${file}, then: invctl db migrate`,
      file,
    });
  }
  const outside = sql.startsWith(OUTSIDE);
  try {
    await session.run(`${outside ? `${sql}\nBEGIN;` : `BEGIN;\n${sql}\n;`}
      INSERT INTO ${MIGRATIONS_TABLE} (version, name, checksum)
      VALUES (${version}, ${literal(name)}, ${literal(checksum)});
      COMMIT;`);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError({
      code: 'MIGRATION_FAILED',
      message: `${basename(file)} failed, and the schema is at version ${version - 1}: ${error.message}`,
      hint: `mend ${file}, then: invctl db migrate`,
      file,
      cause: error,
    });
  }
}
