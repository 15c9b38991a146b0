import type { EmbeddedEngine } from '../../engine/embedded/engine.js';
import type { Engine } from '../../engine/engine.js';
import type { Database } from './database.js';

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

/**
 * Opens a session as the superuser over the server's local socket, which asks for no password: in a container
 * through its psql, since nothing outside of it reaches that socket.
 */
export async function openSession(database: Database, options: SessionOptions): Promise<Session> {
  if (isEmbedded(database.engine)) {
    const { ClientSession } = await import('./client-session.js');
    const connection = await database.engine.connection(database.location, database.service.name);
    // One reader of what the database is called: its server may have been initialised under another name.
    return ClientSession.open(connection, { database: database.name, ...options });
  }
  const { PsqlSession } = await import('./psql-session.js');
  return new PsqlSession(database, options);
}

/** The only row of a query. */
export async function onlyRow<Row>(session: Session, query: string): Promise<Row> {
  const [row] = await session.rows<Row>(query);
  if (row === undefined) throw new Error(`no row: ${query}`);
  return row;
}

/** Opens a session for the time of `body`. */
export async function withSession<T>(
  database: Database,
  options: SessionOptions,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(database, options);
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

export function isEmbedded(engine: Engine): engine is EmbeddedEngine {
  return engine.kind === 'embedded';
}

/** Whether the database is a server without pg_dump and pg_restore, which can only be copied while it is stopped. */
export async function lacksClientPrograms({ engine, location, service }: Database): Promise<boolean> {
  if (!isEmbedded(engine)) return false;
  return (await engine.connection(location, service.name)).clientPrograms === undefined;
}
