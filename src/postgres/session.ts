export interface SessionOptions {
  /** Name of the database; default: the project's. */
  database?: string;
  /** `application_name`, by which the server's sessions are told apart. */
  applicationName: string;
  signal?: AbortSignal;
  /** With all that the project has set for its sessions, for SQL of its own. Otherwise none of it counts. */
  asProject?: boolean;
}

/**
 * One session of the server, kept open over several statements: transactions, snapshots and advisory locks live as
 * long as it does. One statement at a time; the first error ends it.
 */
export interface Session {
  /**
   * Rows of a query as objects; numbers beyond 2^53 must be cast to text in the query.
   * @throws UserError SQL_FAILED with the server's message.
   */
  rows<Row>(query: string): Promise<Row[]>;
  /**
   * Runs statements, each with its semicolon and in a transaction of its own where they say nothing else.
   * @throws UserError SQL_FAILED with the server's message.
   */
  run(statements: string): Promise<void>;
  /** Ends the session; an open transaction is rolled back by the server. */
  close(): Promise<void>;
}

/** The only row of a query. */
export async function onlyRow<Row>(session: Session, query: string): Promise<Row> {
  const [row] = await session.rows<Row>(query);
  if (row === undefined) throw new Error(`no row: ${query}`);
  return row;
}
