import type { Session } from '../../engine/database-access.js';
import { UserError } from '../../errors.js';
import type { Database } from '../../postgres/database.js';
import type { DatabaseFacts } from '../../postgres/database-facts.js';
import { countRows } from '../../postgres/facts.js';
import { withSession } from '../../postgres/open-session.js';
import { type OtherDatabase, readOtherDatabases } from '../../postgres/other-databases.js';
import { waitingBriefly, withMaintenance } from '../../postgres/server-sessions.js';
import type { SessionOptions } from '../../postgres/session.js';
import { PROTECT_ROLE } from '../../project/receiver.js';
import { allEnded } from '../../system/all-ended.js';
import { literal } from '../../system/sql.js';
import type { ServiceContext } from '../context.js';
import { compareRows, type RowDifference } from '../database/restored.js';

/** A server may have hundreds of databases, and each takes a session of both servers. */
const COUNTED = 20;

/** A database of the server other than the project's own, now and after a restore. */
export interface DatabaseDifference {
  name: string;
  /** Null: it is not there now. */
  bytesBefore: number | null;
  /** Null: it is not there after the restore. */
  bytesAfter: number | null;
  /** Undefined: they were not counted. */
  rows: RowDifference[] | undefined;
}

/** What a restore changes in a server besides the project's database. */
export interface ServerDifference {
  databases: DatabaseDifference[];
  roles: {
    /** Those that are not there after the restore. */
    gone: string[];
    /** Those that are not there now. */
    back: string[];
    /** Those that have another password after the restore. */
    password: string[];
  };
}

interface Contents {
  databases: OtherDatabase[];
  roles: { name: string; password: string }[];
}

/**
 * Compares all of two servers but the project's database. Databases without tables that are in both are left
 * out.
 * @returns undefined when the live server cannot be read, which must not stop a restore.
 */
export async function compareServers(
  context: ServiceContext,
  live: Database,
  restored: Database,
  options: SessionOptions,
): Promise<ServerDifference | undefined> {
  const [now, then] = await allEnded([
    unlessRefused(context, 'the other databases of the server', () => readContents(live, options)),
    readContents(restored, options),
  ]);
  if (!now) return undefined;
  const names = new Set([...now.databases, ...then.databases].map(({ name }) => name));
  const databases: DatabaseDifference[] = [];
  for (const name of [...names].sort()) {
    const [before, after] = [now, then].map((one) => one.databases.find((other) => other.name === name));
    const counted = databases.length < COUNTED;
    const count = async (server: Database, at: OtherDatabase | undefined) => {
      if (at === undefined) return [];
      if (!at.readable || !counted) return undefined;
      return unlessRefused(context, `the database ${name}`, () =>
        countOf(server, { ...options, database: name }),
      );
    };
    const [rowsBefore, rowsAfter] = await allEnded([count(live, before), count(restored, after)]);
    const rows = rowsBefore && rowsAfter ? compareRows(rowsBefore, rowsAfter) : undefined;
    if (before && after && rows?.length === 0) continue;
    databases.push({
      name,
      bytesBefore: before ? before.bytes : null,
      bytesAfter: after ? after.bytes : null,
      rows,
    });
  }
  return { databases, roles: compareRoles(now.roles, then.roles) };
}

function countOf(server: Database, options: SessionOptions): Promise<DatabaseFacts['tables']> {
  return withSession(server, options, (session) => waitingBriefly(session, () => countRows(session)));
}

function readContents(server: Database, options: SessionOptions): Promise<Contents> {
  return withMaintenance(server, options, async (session) => ({
    databases: await readOtherDatabases(session, server.name),
    roles: await readRoles(session),
  }));
}

/** Without the receiver's, which gets its present password after the restore. */
function readRoles(session: Session): Promise<Contents['roles']> {
  return session.rows(
    `SELECT rolname AS name, md5(coalesce(rolpassword, '')) AS password FROM pg_authid
      WHERE rolname !~ '^pg_' AND rolname <> ${literal(PROTECT_ROLE)} ORDER BY 1`,
  );
}

function compareRoles(now: Contents['roles'], then: Contents['roles']): ServerDifference['roles'] {
  const [before, after] = [now, then].map((roles) => new Map(roles.map((one) => [one.name, one.password])));
  const names = (roles: Contents['roles'], wanted: (name: string) => boolean) =>
    roles.map(({ name }) => name).filter(wanted);
  return {
    gone: names(now, (name) => !after?.has(name)),
    back: names(then, (name) => !before?.has(name)),
    password: names(now, (name) => after?.has(name) === true && after.get(name) !== before?.get(name)),
  };
}

async function unlessRefused<T>(
  context: ServiceContext,
  what: string,
  read: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    context.warn(`${what} cannot be compared: ${error.message}`);
    return undefined;
  }
}
