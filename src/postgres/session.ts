import type { Session } from '../engine/database-access.js';

export interface SessionOptions {
  /** Name of the database; default: the project's. */
  database?: string;
  /** `application_name`, which identifies the session on the server. */
  applicationName: string;
  signal?: AbortSignal;
  /**
   * With true, the project's settings for its sessions apply, for the project's own SQL. Otherwise none
   * applies.
   */
  asProject?: boolean;
}

/** Returns the only row of a query. */
export async function onlyRow<Row>(session: Session, query: string): Promise<Row> {
  const [row] = await session.rows<Row>(query);
  if (row === undefined) throw new Error(`no row: ${query}`);
  return row;
}

/** Number of tables that one statement, or one savepoint of {@link withoutLocks}, is about. */
export const TABLES_AT_ONCE = 200;

/**
 * Reads tables in an open transaction and gives their locks back: a server has room for some thousand locks of
 * all transactions together (max_locks_per_transaction), and a table with indexes takes several. The snapshot
 * stays.
 */
export async function withoutLocks<T>(session: Session, read: () => Promise<T>): Promise<T> {
  await session.run('SAVEPOINT invctl_locks;');
  const result = await read();
  await session.run('ROLLBACK TO SAVEPOINT invctl_locks; RELEASE SAVEPOINT invctl_locks;');
  return result;
}
