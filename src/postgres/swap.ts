import type { Session } from '../engine/database-access.js';
import { identifier, literal } from '../system/sql.js';
import type { Database } from './database.js';
import { liveState } from './live-database.js';
import { openMaintenance, withMaintenance } from './server-sessions.js';

export interface SwapNames {
  /** The name that the app connects to. */
  live: string;
  /** The database that will get that name. */
  incoming: string;
  /** The new name of the database that had it, which then accepts no connections. Null: there is none. */
  previous: string | null;
}

/** Time limit for a session to end after it was told to, in milliseconds. */
const TERMINATION_MS = 5000;

/**
 * Gives one database the name of another, with both renames in one transaction. Meanwhile nobody can connect;
 * after an error everybody can connect to the same database as before.
 * @returns the length of that interruption, in milliseconds.
 */
export async function swapDatabases(database: Database, id: string, names: SwapNames): Promise<number> {
  const { live, incoming, previous } = names;
  // The session is opened before the measured time begins.
  const session = await openMaintenance(database, { applicationName: `invctl-restore-${id}` });
  try {
    const started = performance.now();
    await (previous === null
      ? takeName(session, live, incoming)
      : exchangeNames(session, { live, incoming, previous }));
    return performance.now() - started;
  } catch (error) {
    if (previous !== null) await setAllowConnections(database, live, true);
    throw error;
  } finally {
    await session.close();
  }
}

async function exchangeNames(
  session: Session,
  { live, incoming, previous }: SwapNames & { previous: string },
): Promise<void> {
  await session.run(`
    ALTER DATABASE ${identifier(live)} ALLOW_CONNECTIONS false;
    ${endOthers([live, incoming])}
    BEGIN;
    ALTER DATABASE ${identifier(live)} RENAME TO ${identifier(previous)};
    ALTER DATABASE ${identifier(incoming)} RENAME TO ${identifier(live)};
    ALTER DATABASE ${identifier(live)} ALLOW_CONNECTIONS true;
    COMMIT;`);
}

/**
 * Renames a database to the live name. That name is free, or belongs to an invalid database that an
 * interrupted DROP DATABASE left. Nobody can read or rename such a database, so it is dropped.
 */
async function takeName(session: Session, live: string, incoming: string): Promise<void> {
  if ((await liveState(session, live)) === 'invalid') await session.run(`DROP DATABASE ${identifier(live)};`);
  await session.run(`
    ${endOthers([incoming])}
    BEGIN;
    ALTER DATABASE ${identifier(incoming)} RENAME TO ${identifier(live)};
    ALTER DATABASE ${identifier(live)} ALLOW_CONNECTIONS true;
    COMMIT;`);
}

function endOthers(names: readonly string[]): string {
  return `SELECT pg_terminate_backend(pid, ${TERMINATION_MS}) FROM pg_stat_activity
           WHERE datname IN (${names.map(literal).join(', ')}) AND pid <> pg_backend_pid();`;
}

/** Allows or refuses connections to a database. */
export async function setAllowConnections(database: Database, name: string, allow: boolean): Promise<void> {
  await withMaintenance(database, { applicationName: 'invctl' }, (session) =>
    session.run(`ALTER DATABASE ${identifier(name)} ALLOW_CONNECTIONS ${allow};`),
  );
}

/** Returns the previous databases, newest first. */
export async function previousDatabases(session: Session, prefix: string): Promise<{ name: string }[]> {
  const rows = await session.rows<{ name: string }>(
    `SELECT datname AS name FROM pg_database
      WHERE starts_with(datname, ${literal(prefix)}) ORDER BY datname DESC`,
  );
  return rows.filter(({ name }) => /^\d{8}t\d{6}z$/.test(name.slice(prefix.length)));
}
