import { ExitCode, UserError } from '../../errors.js';
import { type Database, runClient } from '../../postgres/database.js';
import { outputTail } from '../../system/argv.js';
import type { ServiceContext } from '../context.js';

/** Exit status of pg_amcheck that found corruption (pg_amcheck.c). */
const CORRUPT_STATUS = 2;
/** A shell's exit status for a missing program; pg_amcheck is not part of every PostgreSQL. */
const ABSENT_STATUS = 127;

/**
 * Looks for damage in each table and B-tree of a database, with PostgreSQL's own `pg_amcheck`. It leaves its
 * extension in the database, so do not run it on a live one.
 *
 * @returns false when pg_amcheck is missing or could not be used, with a warning.
 * @throws UserError DATA_DAMAGED (exit 8) with what was found.
 */
export async function checkFiles(context: ServiceContext, database: Database): Promise<boolean> {
  const command = [
    'pg_amcheck',
    '--install-missing',
    '--jobs=2',
    `--username=${database.user}`,
    database.name,
  ];
  const result = await runClient(database, command, { signal: context.signal });
  context.signal.throwIfAborted();
  if (result.status === 0) return true;
  if (result.status === ABSENT_STATUS) return false;
  const said = outputTail(`${result.stdout}\n${result.stderr}`, 6);
  if (result.status !== CORRUPT_STATUS) {
    context.warn(
      `tables and indexes were counted, and not looked through: pg_amcheck ended with ${result.status}: ${said}`,
    );
    return false;
  }
  throw new UserError({
    code: 'DATA_DAMAGED',
    message: `what was brought back is damaged, as the live database may be:\n${said}`,
    hint: 'an index: REINDEX INDEX CONCURRENTLY …; a table: bring back a moment before the damage',
    exitCode: ExitCode.dataUnverified,
  });
}
