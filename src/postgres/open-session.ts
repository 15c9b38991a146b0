import type { Session } from '../engine/database-access.js';
import { accessTo, type Database } from './database.js';
import type { SessionOptions } from './session.js';

/** Opens a session as the superuser over the server's local socket, which needs no password. */
export function openSession(database: Database, options: SessionOptions): Promise<Session> {
  const { user, name } = database;
  return accessTo(database).session({ user, database: name, ...options });
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
