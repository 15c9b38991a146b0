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
