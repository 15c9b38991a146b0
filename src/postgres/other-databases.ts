import type { Session } from '../engine/database-access.js';
import { literal } from '../system/sql.js';

/**
 * A database of the server other than the project's own; `postgres` and `template1` too, because people store
 * data there.
 */
export interface OtherDatabase {
  name: string;
  bytes: number;
  /** Whether connections to it are allowed. A DROP DATABASE that was cut off leaves one that allows none. */
  readable: boolean;
}

/** Every database of the server except the live one and `template0`, which nobody can change. */
export function readOtherDatabases(session: Session, live: string): Promise<OtherDatabase[]> {
  return session.rows(
    `SELECT datname AS name, coalesce(pg_database_size(oid), 0) AS bytes,
            datallowconn AND datconnlimit <> -2 AS readable
       FROM pg_database WHERE datname NOT IN ('template0', ${literal(live)}) ORDER BY 1`,
  );
}
