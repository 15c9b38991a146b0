import type { Session } from '../engine/database-access.js';
import { ExitCode, UserError } from '../errors.js';
import { literal } from '../system/sql.js';
import type { Database } from './database.js';
import { openSession } from './open-session.js';
import { onlyRow, type SessionOptions } from './session.js';

/** Key of the advisory lock: any constant, as long as every version of invctl uses the same. */
const ADVISORY_LOCK = 5_003_000_100;
/** In milliseconds. A server that does not answer must not prevent our end. */
const PATIENCE_MS = 15_000;

/**
 * Takes the lock that prevents two invctl (on two machines, or in two copies of the project) from working on
 * one database at the same time. It is held until the session ends.
 * @throws UserError DATABASE_LOCKED (exit 9) with the session that holds it.
 */
export async function lockDatabase(session: Session): Promise<void> {
  const { locked } = await onlyRow<{ locked: boolean }>(
    session,
    `SELECT pg_try_advisory_lock(${ADVISORY_LOCK}) AS locked`,
  );
  if (locked) return;
  const [holder] = await session.rows<{ pid: number; name: string; since: string }>(`
    SELECT a.pid, application_name AS name, backend_start AS since
      FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE locktype = 'advisory' AND granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND (classid::bigint << 32) + objid::bigint = ${ADVISORY_LOCK}`);
  throw new UserError({
    code: 'DATABASE_LOCKED',
    message: holder
      ? `another invctl works on this database: server process ${holder.pid} (${holder.name}), since ${holder.since}`
      : 'another invctl works on this database',
    hint: 'wait for it to end, then run the same command again',
    exitCode: ExitCode.locked,
    ...(holder ? { details: { holder } } : {}),
  });
}

const LOCK_SECONDS = 10;

/**
 * Reads tables that somebody else's session may hold, for ever where it hangs.
 * @throws UserError TABLE_LOCKED after ten seconds, and what `body` throws.
 */
export async function waitingBriefly<T>(session: Session, body: () => Promise<T>): Promise<T> {
  await session.run(`SET lock_timeout = '${LOCK_SECONDS}s';`);
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof UserError && error.message.includes('lock timeout'))) throw error;
    throw new UserError({
      code: 'TABLE_LOCKED',
      message: `another session has held a table for ${LOCK_SECONDS} s, as a migration that hangs does`,
      hint: 'invctl db inspect      (which session; end it, then the same command again)',
      exitCode: ExitCode.locked,
    });
  }
}

/** @throws UserError SERVER_READ_ONLY if the server follows another one and so accepts no writes. */
export async function assertTakesWrites(session: Session): Promise<void> {
  const { standby } = await onlyRow<{ standby: boolean }>(session, 'SELECT pg_is_in_recovery() AS standby');
  if (!standby) return;
  throw new UserError({
    code: 'SERVER_READ_ONLY',
    message: 'the server is a replica, which takes no changes but those of its primary',
    hint: 'the same command on the primary, or make this one a primary:  SELECT pg_promote()',
  });
}

/**
 * Ends every session of the server with this `application_name`. This also ends the programs of these
 * sessions, including those that a lost client of ours left in the container.
 */
export async function endSessions(database: Database, applicationName: string): Promise<void> {
  await withMaintenance(
    database,
    { applicationName: 'invctl', signal: AbortSignal.timeout(PATIENCE_MS) },
    (session) =>
      session.run(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${literal(applicationName)};`,
      ),
  );
}

/** Databases of every new server, for work on other databases. */
const MAINTENANCE = ['postgres', 'template1'];

/** Returns the first of them that is not the project's own. A server in use may not have it any more. */
export function maintenanceDatabase({ name }: Database): string {
  return MAINTENANCE.find((one) => one !== name) as string;
}

/**
 * Opens a session with another database while the project's own is locked, renamed or missing.
 * @throws UserError NO_MAINTENANCE_DATABASE, and as {@link openSession}
 */
export async function openMaintenance(
  database: Database,
  options: Omit<SessionOptions, 'database'>,
): Promise<Session> {
  const names = MAINTENANCE.filter((one) => one !== database.name);
  let failure: UserError | undefined;
  for (const name of names) {
    const session = await openSession(database, { ...options, database: name }).catch(refusal);
    if (!(session instanceof UserError)) {
      // A session in a container has logged in only after its first answer.
      const refused = await session.run('SELECT 1;').catch(refusal);
      if (refused === undefined) return session;
      await session.close();
      failure ??= refused;
    } else failure ??= session;
    options.signal?.throwIfAborted();
  }
  if (failure?.code !== 'DATABASE_MISSING') throw failure;
  throw new UserError({
    code: 'NO_MAINTENANCE_DATABASE',
    message: `the server has no database to work from: ${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} missing`,
    hint: `make one:  invctl db psql -- -c 'CREATE DATABASE postgres'`,
  });
}

/** Opens a session of {@link openMaintenance} for the time of `body`. */
export async function withMaintenance<T>(
  database: Database,
  options: Omit<SessionOptions, 'database'>,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openMaintenance(database, options);
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

/** Returns the error of a failed session if another database may work; throws any other error. */
function refusal(error: unknown): UserError {
  if (error instanceof UserError && ['SQL_FAILED', 'DATABASE_MISSING'].includes(error.code)) return error;
  throw error;
}
