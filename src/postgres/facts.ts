import type { Session } from '../engine/database-access.js';
import type { DatabaseFacts } from './database-facts.js';
import { readProperties, withoutSecrets } from './database-properties.js';
import { notOfExtension, USER_NAMESPACE } from './dumped.js';
import { readObjects } from './objects.js';
import { onlyRow, TABLES_AT_ONCE, withoutLocks } from './session.js';

export interface Reading {
  /** In an open transaction: whether it keeps no table's lock. See {@link withoutLocks}. */
  givesLocksBack?: boolean;
}

/**
 * Reads the facts for a manifest from the session's database, in the session's transaction: inside a snapshot
 * the rows are exactly those that a `pg_dump --snapshot` of it writes.
 */
export async function readFacts(session: Session, reading: Reading = {}): Promise<DatabaseFacts> {
  const readSequences = () => session.rows<DatabaseFacts['sequences'][number]>(SEQUENCES);
  const [database, tables, sequences, largeObjects, objects, extensions, roles, migrations] = [
    await readDatabase(session),
    await countRows(session, reading),
    await (reading.givesLocksBack ? withoutLocks(session, readSequences) : readSequences()),
    await onlyRow<{ count: number }>(session, 'SELECT count(*) AS count FROM pg_largeobject_metadata'),
    await readObjects(session),
    await session.rows<DatabaseFacts['extensions'][number]>(
      'SELECT extname AS name, extversion AS version FROM pg_extension ORDER BY 1',
    ),
    await session.rows<DatabaseFacts['roles'][number]>(ROLES),
    await readMigrations(session),
  ];
  return { database, tables, sequences, largeObjects, objects, extensions, roles, migrations };
}

/** Returns the tables whose rows are in a dump: partitions, not their parents; no foreign tables. */
async function listTables(session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(`
    SELECT format('%I.%I', nspname, relname) AS name
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE relkind = 'r' AND relpersistence <> 't' AND ${USER_NAMESPACE} AND ${notOfExtension('pg_class', 'c.oid')}
     ORDER BY 1`);
  return rows.map(({ name }) => name);
}

/**
 * Counts the rows of all tables exactly. A statement is about some tables only, since the server reads a UNION
 * by recursion, and its stack ends.
 */
export async function countRows(
  session: Session,
  { givesLocksBack = false }: Reading = {},
): Promise<DatabaseFacts['tables']> {
  const tables = await listTables(session);
  const counted: DatabaseFacts['tables'] = [];
  for (let from = 0; from < tables.length; from += TABLES_AT_ONCE) {
    const some = tables.slice(from, from + TABLES_AT_ONCE);
    const counts = some.map((table, index) => `SELECT ${index} AS i, count(*) AS n FROM ONLY ${table}`);
    const count = () => session.rows<{ i: number; n: number }>(counts.join(' UNION ALL '));
    const rows = await (givesLocksBack ? withoutLocks(session, count) : count());
    rows.sort((a, b) => a.i - b.i);
    counted.push(...rows.map(({ i, n }) => ({ name: some[i] as string, rows: n })));
  }
  return counted;
}

/** Reads the properties of the database without possible secrets. */
export async function readDatabase(session: Session): Promise<DatabaseFacts['database']> {
  return withoutSecrets(await readProperties(session));
}

const SEQUENCES = `
  SELECT format('%I.%I', schemaname, sequencename) AS name, last_value::text AS "lastValue"
    FROM pg_sequences WHERE schemaname !~ '^pg_' ORDER BY 1`;

// pg_shdepend records owners and grantees, except the bootstrap superuser as an owner.
const ROLES = `
  SELECT rolname AS name, rolsuper AS superuser, rolcanlogin AS login FROM pg_roles r
   WHERE rolname !~ '^pg_' AND oid IN (
     SELECT refobjid FROM pg_shdepend, pg_database b
      WHERE datname = current_database() AND refclassid = 'pg_authid'::regclass
        AND (dbid = b.oid OR (classid = 'pg_database'::regclass AND objid = b.oid))
     UNION SELECT datdba FROM pg_database WHERE datname = current_database()
     UNION SELECT relowner FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE ${USER_NAMESPACE})
   ORDER BY 1`;

export const MIGRATIONS_TABLE = 'schema_migrations';

/**
 * Returns the table in which the app records its migrations, quoted and with its schema; undefined if there
 * is none with a column `version`. If there are several, it is the one in the schema with the user's name,
 * which PostgreSQL searches first, or the one in `public`.
 */
export async function migrationsTable(session: Session): Promise<string | undefined> {
  const [found] = await session.rows<{ table: string }>(`
    SELECT format('%I.%I', nspname, relname) AS table
      FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute a ON attrelid = c.oid
     WHERE relname = '${MIGRATIONS_TABLE}' AND relkind IN ('r', 'p') AND relpersistence <> 't'
       AND attname = 'version' AND NOT attisdropped
     ORDER BY nspname = session_user DESC, nspname = 'public' DESC, nspname LIMIT 1`);
  return found?.table;
}

async function readMigrations(session: Session): Promise<DatabaseFacts['migrations']> {
  const table = await migrationsTable(session);
  if (table === undefined) return null;
  const { version, applied } = await onlyRow<{ version: string | null; applied: number }>(
    session,
    `SELECT max(version)::text AS version, count(*) AS applied FROM ${table}`,
  );
  return version === null ? null : { version, applied };
}
