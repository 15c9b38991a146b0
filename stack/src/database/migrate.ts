import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { PACKAGE } from '../package.js';
import { isConnectionFailure } from './connection.js';

/** The migrations that belong to this code: `stack/migrations`, beside `dist`. */
export const MIGRATIONS_FOLDER = fileURLToPath(new URL('migrations/', PACKAGE));

/** Any constant will do, as long as every version of the API uses the same. */
const ADVISORY_LOCK = 5_003_000_001;
const LOCK_RETRY_MS = 100;

/** The beginning of a migration that takes no transaction, as `CREATE INDEX CONCURRENTLY` cannot. */
const OUTSIDE = '-- outside of a transaction';

/** The schema cannot be brought to what this code needs without a person. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file with LF line ends, in hex. */
  readonly checksum: string;
}

/**
 * Reads `NNNN_name.sql` files in order.
 *
 * @throws {MigrationError} for a file that is named otherwise, or a gap in the numbers.
 */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file, index) => {
      const [, digits, name] = /^(\d{4})_([a-z0-9_]+)\.sql$/.exec(file) ?? [];
      if (Number(digits) !== index + 1 || name === undefined) {
        throw new MigrationError(
          `migration ${file} should be named ${String(index + 1).padStart(4, '0')}_name.sql`,
        );
      }
      const sql = (await readFile(`${folder}/${file}`, 'utf8')).replaceAll('\r\n', '\n');
      return { version: index + 1, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

/**
 * Applies what is missing, each migration in a transaction of its own. Processes that start together wait here
 * for the one that came first, and then find nothing left to do.
 *
 * A file that begins with `-- outside of a transaction` is done statement by statement, each of which ends a line. A
 * failure leaves what came before it, and the whole file is done again: its statements have to bear that.
 *
 * @returns the version of the schema, and how many migrations this call applied.
 * @throws {MigrationError} when an applied file was changed, the schema is newer than the code, or a migration
 *   fails; the schema is then at the version before it.
 */
export async function migrate(
  client: pg.Client,
  folder: string = MIGRATIONS_FOLDER,
): Promise<{ version: number; applied: number }> {
  const migrations = await readMigrations(folder);
  await lock(client);
  try {
    await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
      version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now())`);
    const { rows } = await client.query<{ version: number; name: string; checksum: string }>(
      'SELECT version, name, checksum FROM schema_migrations ORDER BY version',
    );
    for (const row of rows) {
      const migration = migrations[row.version - 1];
      if (!migration) {
        throw new MigrationError(
          `the database is at migration ${row.version} (${row.name}), which this version of the API does not know`,
        );
      }
      if (migration.checksum !== row.checksum) {
        throw new MigrationError(
          `migration ${row.version} (${migration.name}) was changed after it was applied: restore the file and add a new one`,
        );
      }
    }
    const missing = migrations.slice(rows.length);
    for (const migration of missing) await apply(client, migration);
    return { version: migrations.length, applied: missing.length };
  } finally {
    await client.query('SELECT pg_advisory_unlock($1)', [ADVISORY_LOCK]).catch(() => {});
  }
}

/** Asks again and again: a statement that waits has a snapshot, for whose end an index that is built would wait. */
async function lock(client: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
      ADVISORY_LOCK,
    ]);
    if (rows[0]?.locked) return;
    await delay(LOCK_RETRY_MS);
  }
}

async function apply(client: pg.Client, { version, name, sql, checksum }: Migration): Promise<void> {
  const outside = sql.startsWith(OUTSIDE);
  try {
    if (outside) for (const statement of sql.trimEnd().split(/(?<=;)\n/)) await client.query(statement);
    await client.query('BEGIN');
    if (!outside) await client.query(sql);
    await client.query('INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)', [
      version,
      name,
      checksum,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    const message = error instanceof Error ? error.message : String(error);
    throw new MigrationError(`migration ${version} (${name}) failed: ${message}`, { cause: error });
  }
}

/**
 * Connects, trying again for `patienceMs` while the server is not up yet.
 *
 * @throws the last error: at once when the server answered with a refusal (password, database name).
 */
export async function connectWhenUp(
  config: pg.ClientConfig,
  patienceMs: number,
  onRetry: (error: unknown) => void,
): Promise<pg.Client> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const client = new pg.Client({ ...config, connectionTimeoutMillis: 5000 });
    // A connection that breaks between two statements fails the next one; the event alone would end the process.
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      // 57P03: the server is starting up. Any other answer of a server that speaks to us is final.
      const refused = error instanceof pg.DatabaseError && error.code !== '57P03';
      if (refused || !isConnectionFailure(error) || Date.now() >= deadline) throw error;
      onRetry(error);
      await delay(Math.min(500, Math.max(0, deadline - Date.now())));
    }
  }
}
