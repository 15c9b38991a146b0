import type { ServiceContext } from '../context.js';
import { connectionArguments, findDatabase } from './database.js';

/**
 * psql in the database's service, with our terminal where there is one.
 * @param terminal whether stdin and stdout are terminals.
 * @returns psql's exit status.
 */
export async function psql(
  context: ServiceContext,
  words: readonly string[],
  terminal: boolean,
): Promise<number> {
  const location = context.project();
  const engine = await context.engine();
  const database = await findDatabase(engine, location);
  return engine.exec(location, database.service.name, ['psql', ...connectionArguments(database), ...words], {
    tty: terminal,
  });
}
