import type { Database } from './database.js';
import { maintenanceDatabase } from './server-sessions.js';
import { onlyRow, openSession, type Session, withSession } from './session.js';
import { identifier, literal } from './sql.js';

export interface SwapNames {
  /** The name that the app connects to. */
  live: string;
  /** The database that takes that name. */
  incoming: string;
  /** What the database that had it is called afterwards. It takes no connections. */
  previous: string;
}

/** How long a session has to end after it was told to, in milliseconds. */
const TERMINATION_MS = 5000;

/**
 * Gives one database the name of another, both renames in one transaction. For the moment of it nobody can connect;
 * after an error everybody can, to what there was before.
 *
 * @returns how long that moment was, in milliseconds.
 */
export async function swapDatabases(database: Database, id: string, names: SwapNames): Promise<number> {
  const { live, incoming, previous } = names;
  const session = await openSession(database, maintenance(database, id));
  try {
    // The way to the server is open before the clock runs.
    await session.run('SET statement_timeout = 0;');
    const started = performance.now();
    await session.run(`
      ALTER DATABASE ${identifier(live)} ALLOW_CONNECTIONS false;
      SELECT pg_terminate_backend(pid, ${TERMINATION_MS}) FROM pg_stat_activity
       WHERE datname IN (${literal(live)}, ${literal(incoming)}) AND pid <> pg_backend_pid();
      BEGIN;
      ALTER DATABASE ${identifier(live)} RENAME TO ${identifier(previous)};
      ALTER DATABASE ${identifier(incoming)} RENAME TO ${identifier(live)};
      ALTER DATABASE ${identifier(live)} ALLOW_CONNECTIONS true;
      COMMIT;`);
    return performance.now() - started;
  } catch (error) {
    await setAllowConnections(database, live, true);
    throw error;
  } finally {
    await session.close();
  }
}

/** Lets sessions into a database, or keeps them out. */
export async function setAllowConnections(database: Database, name: string, allow: boolean): Promise<void> {
  await withSession(
    database,
    { database: maintenanceDatabase(database), applicationName: 'invctl' },
    (session) => session.run(`ALTER DATABASE ${identifier(name)} ALLOW_CONNECTIONS ${allow};`),
  );
}

export async function databaseExists(session: Session, name: string): Promise<boolean> {
  const { found } = await onlyRow<{ found: boolean }>(
    session,
    `SELECT EXISTS (SELECT FROM pg_database WHERE datname = ${literal(name)}) AS found`,
  );
  return found;
}

/** Databases that restores left aside, newest first. */
export async function previousDatabases(session: Session, prefix: string): Promise<{ name: string }[]> {
  const rows = await session.rows<{ name: string }>(
    `SELECT datname AS name FROM pg_database
      WHERE starts_with(datname, ${literal(prefix)}) ORDER BY datname DESC`,
  );
  return rows.filter(({ name }) => /^\d{8}t\d{6}z$/.test(name.slice(prefix.length)));
}

function maintenance(database: Database, id: string) {
  return { database: maintenanceDatabase(database), applicationName: `invctl-restore-${id}` };
}
