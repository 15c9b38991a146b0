import type { Readable, Writable } from 'node:stream';
import { usageError } from '../../errors.js';
import { connectionArguments, findDatabase } from '../../postgres/database.js';
import { isEmbedded, lacksClientPrograms } from '../../postgres/open-session.js';
import type { ServiceContext } from '../context.js';

export interface PsqlInput {
  /** psql's own arguments. */
  words: readonly string[];
  /** Whether stdin and stdout are terminals. */
  terminal: boolean;
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
}

/**
 * psql in the database's service, with our terminal where there is one. Where the embedded engine's PostgreSQL has
 * no psql, an SQL session of our own, which knows `-c SQL` alone of psql's arguments.
 *
 * @returns psql's exit status.
 */
export async function psql(context: ServiceContext, input: PsqlInput): Promise<number> {
  const location = context.project();
  const engine = await context.engine();
  const database = await findDatabase(engine, location);
  if (isEmbedded(engine) && (await lacksClientPrograms(database))) {
    const { runSqlSession } = await import('../../engine/embedded/sql-session.js');
    return runSqlSession({
      connection: {
        ...(await engine.connection(location, database.service.name)),
        // As psql would be told.
        database: database.name,
      },
      ...sqlArgument(input.words),
      input: input.stdin,
      output: input.stdout,
      messages: input.stderr,
      interactive: input.terminal,
    });
  }
  const command = ['psql', ...connectionArguments(database), ...input.words];
  return engine.exec(location, database.service.name, command, { tty: input.terminal });
}

function sqlArgument([option, sql, ...more]: readonly string[]): { sql?: string } {
  if (option === undefined) return {};
  if ((option === '-c' || option === '--command') && sql !== undefined && more.length === 0) return { sql };
  throw usageError(
    'this PostgreSQL has no psql; of its arguments only one `-c SQL` works',
    'install psql (Debian: postgresql-client), or: invctl db psql -- -c SQL',
  );
}
