import type { Session } from '../engine/database-access.js';
import { UserError } from '../errors.js';
import { shellWord } from '../system/argv.js';
import { identifier, literal } from '../system/sql.js';
import type { Database } from './database.js';
import type { DatabaseFacts } from './database-facts.js';
import { readProperties } from './database-properties.js';
import { openSession, withSession } from './open-session.js';
import { openMaintenance, withMaintenance } from './server-sessions.js';
import { onlyRow } from './session.js';

/** `invalid`: an interrupted DROP DATABASE left it. Nobody can connect to it or rename it. */
export type LiveState = 'there' | 'absent' | 'invalid';

/** `datconnlimit` of an invalid database (catalog/pg_database.h: DATCONNLIMIT_INVALID_DB). */
const INVALID = -2;

/**
 * Returns the state of a database.
 * @param session with any database of the server.
 */
export async function liveState(session: Session, name: string): Promise<LiveState> {
  const [found] = await session.rows<{ invalid: boolean }>(
    `SELECT datconnlimit = ${INVALID} AS invalid FROM pg_database WHERE datname = ${literal(name)}`,
  );
  if (!found) return 'absent';
  return found.invalid ? 'invalid' : 'there';
}

/** Opens a session with the live database or, if there is none, with another database of its server. */
export async function openLive(
  database: Database,
  live: LiveState,
  options: { applicationName: string; signal: AbortSignal },
): Promise<Session> {
  if (live !== 'there') return openMaintenance(database, options);
  return openSession(database, options);
}

/** Opens a session of {@link openLive} for the time of `body`. */
export async function withLive<T>(
  database: Database,
  live: LiveState,
  options: { applicationName: string; signal: AbortSignal },
  body: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openLive(database, live, options);
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

/** A transaction that waits for its second phase. It prevents renaming or dropping its database. */
export interface PreparedTransaction {
  gid: string;
  owner: string;
  prepared: string;
}

/** @param session with any database of the server. */
export async function preparedTransactions(session: Session, name: string): Promise<PreparedTransaction[]> {
  return session.rows<PreparedTransaction>(
    `SELECT gid, owner, prepared FROM pg_prepared_xacts WHERE database = ${literal(name)} ORDER BY prepared`,
  );
}

/**
 * Checks that a database can take the live one's name, as far as this is known before the work.
 * @param session with a database that is not the live one.
 * @throws UserError SERVER_READ_ONLY, PREPARED_TRANSACTIONS, DATABASE_CLOSED, NOT_SUPERUSER,
 * DATABASE_NAME_ENCODING
 */
export async function assertSwappable(session: Session, database: Database): Promise<LiveState> {
  const { name, user, service } = database;
  const server = await onlyRow<{ recovering: boolean; superuser: boolean }>(
    session,
    `SELECT pg_is_in_recovery() AS recovering, rolsuper AS superuser FROM pg_roles WHERE rolname = current_user`,
  );
  if (server.recovering) {
    throw new UserError({
      code: 'SERVER_READ_ONLY',
      message: 'the server is a replica, which takes no changes but those of its primary',
      hint: 'restore on the primary, or make this one a primary:  SELECT pg_promote()',
    });
  }
  if (!server.superuser) {
    throw new UserError({
      code: 'NOT_SUPERUSER',
      message: `${user} is not a superuser of this server, and a restore has to create, rename and close databases`,
      hint: `as a superuser:  ALTER ROLE ${identifier(user)} SUPERUSER      (or name one in POSTGRES_USER)`,
    });
  }
  await assertNameReadable(session, database);
  const live = await liveState(session, name);
  if (live !== 'there') return live;
  const { open } = await onlyRow<{ open: boolean }>(
    session,
    `SELECT datallowconn AS open FROM pg_database WHERE datname = ${literal(name)}`,
  );
  if (!open) {
    throw new UserError({
      code: 'DATABASE_CLOSED',
      message: `${name} takes no connections (ALLOW_CONNECTIONS false), so invctl cannot see what a restore would replace`,
      hint: `open it:  ${superuserCommand(service.name, user, `ALTER DATABASE ${identifier(name)} ALLOW_CONNECTIONS true`)}`,
    });
  }
  assertNonePrepared(name, await preparedTransactions(session, name), 'invctl db psql --');
  return live;
}

/**
 * A name is stored as the bytes that a program sends, which are those of UTF-8. A session reads them as letters of its
 * database's encoding, and what it names by the same letters is another database.
 */
async function assertNameReadable(session: Session, { name, user, service }: Database): Promise<void> {
  if (/^[ -~]*$/.test(name)) return;
  const { encoding } = await onlyRow<{ encoding: string }>(
    session,
    'SELECT getdatabaseencoding() AS encoding',
  );
  if (['UTF8', 'SQL_ASCII'].includes(encoding)) return;
  const words = [user, `ALTER DATABASE ${identifier(name)} RENAME TO new_name`].map(shellWord);
  throw new UserError({
    code: 'DATABASE_NAME_ENCODING',
    message: `the name of the database, ${name}, has letters outside of ASCII, and the server's encoding is ${encoding}: its sessions read that name as another one, so that nothing can be put in the place of the database`,
    hint: `stop the services that use it, and give it a plain name:  invctl exec ${service.name} -- env PGCLIENTENCODING=${encoding} psql -U ${words[0]} -d template1 -c ${words[1]}\nthen write that name into the compose file in place of the old one, and:  invctl up      (and the same command again)`,
    details: { database: name, encoding },
  });
}

/**
 * @param psql words that start a psql with that database.
 * @throws UserError PREPARED_TRANSACTIONS
 */
export function assertNonePrepared(
  name: string,
  prepared: readonly PreparedTransaction[],
  psql: string,
): void {
  if (prepared.length === 0) return;
  const each = prepared.map(
    ({ gid, owner, prepared: at }) => `${literal(gid).trim()} (of ${owner}, since ${at})`,
  );
  const end = (verb: string) =>
    prepared.map(({ gid }) => `-c ${shellWord(`${verb} PREPARED ${literal(gid).trim()}`)}`).join(' ');
  throw new UserError({
    code: 'PREPARED_TRANSACTIONS',
    message: `${name} has ${prepared.length === 1 ? 'a prepared transaction' : `${prepared.length} prepared transactions`}, with which it can be neither renamed nor dropped: ${each.join(', ')}`,
    hint: `ask whoever prepared it, then:  ${psql} ${end('COMMIT')}      (or ${end('ROLLBACK')})`,
    details: { prepared: prepared.map(({ gid }) => gid) },
  });
}

/** Returns a psql command in the database's service, with a database that always exists. */
export function superuserCommand(service: string, user: string, sql: string, database = 'template1'): string {
  return `invctl exec ${service} -- psql -U ${shellWord(user)} -d ${shellWord(database)} -c ${shellWord(sql)}`;
}

/**
 * Returns the properties for a new database: those of the live one, including secrets, or, if there is none,
 * the server's defaults. Only if nobody can connect to the live one, another database's session reads them.
 */
export async function likeLive(
  database: Database,
  applicationName: string,
): Promise<DatabaseFacts['database']> {
  return withMaintenance(database, { applicationName }, async (session) =>
    (await liveState(session, database.name)) === 'there'
      ? withSession(database, { applicationName }, readProperties).catch(() =>
          readProperties(session, database.name),
        )
      : serverDefaults(session, database),
  );
}

/** Returns the properties that CREATE DATABASE takes from template1, with the project's user as the owner. */
export async function serverDefaults(
  session: Session,
  { name, user }: Database,
): Promise<DatabaseFacts['database']> {
  const template = await readProperties(session, 'template1');
  return {
    ...template,
    name,
    owner: user,
    bytes: 0,
    acl: null,
    settings: [],
    comment: null,
    isTemplate: false,
  };
}
