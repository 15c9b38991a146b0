import type { EmbeddedEngine } from '../engine/embedded/engine.js';
import type { Engine } from '../engine/engine.js';
import type { Database } from './database.js';
import type { Session, SessionOptions } from './session.js';

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
