import { UserError } from '../../errors.js';
import type { Database } from '../../postgres/database.js';
import { withSession } from '../../postgres/open-session.js';
import type { SessionOptions } from '../../postgres/session.js';
import type { ServiceContext } from '../context.js';

/**
 * Gives the planner statistics of tables that were just loaded, of which it has none. A function in an index or
 * in extended statistics may fail where nothing in the data does, so a failure is a warning.
 */
export async function analyze(
  context: ServiceContext,
  database: Database,
  options: SessionOptions,
): Promise<void> {
  try {
    await withSession(database, options, (session) => session.run('ANALYZE;'));
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    context.warn(
      `the planner has no statistics of some tables of ${database.name}, so that queries may be slow: ANALYZE failed: ${error.message}`,
    );
  }
}
