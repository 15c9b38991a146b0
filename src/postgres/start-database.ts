import { UserError } from '../errors.js';
import type { World } from '../system/world.js';
import type { Database } from './database.js';

/** In milliseconds. A crash recovery may come first. */
const START_TIMEOUT_MS = 300_000;

/**
 * Starts only the database and waits until it is healthy; does nothing if it already is.
 * @throws UserError DATABASE_NOT_STARTED
 */
export async function startDatabase(context: World, database: Database): Promise<void> {
  const { engine, location, service } = database;
  const { failed } = await engine.up(
    location,
    { services: [service.name], wait: true, timeoutMs: START_TIMEOUT_MS, signal: context.signal },
    () => {},
  );
  const [failure] = failed;
  if (!failure) return;
  throw new UserError({
    code: 'DATABASE_NOT_STARTED',
    message: `the service ${failure.service} did not start (${failure.reason})`,
    hint: `invctl logs ${failure.service}`,
  });
}
