import type { Session } from '../engine/database-access.js';

export interface SessionOptions {
  /** Name of the database; default: the project's. */
  database?: string;
  /** `application_name`, by which the server's sessions are told apart. */
  applicationName: string;
  signal?: AbortSignal;
  /** With all that the project has set for its sessions, for SQL of its own. Otherwise none of it counts. */
  asProject?: boolean;
}

/** The only row of a query. */
export async function onlyRow<Row>(session: Session, query: string): Promise<Row> {
  const [row] = await session.rows<Row>(query);
  if (row === undefined) throw new Error(`no row: ${query}`);
  return row;
}
