import { readFile } from 'node:fs/promises';
import type { Session } from '../../engine/database-access.js';
import { splitSql } from '../../engine/sql-statements.js';
import { UserError } from '../../errors.js';
import type { Database } from '../../postgres/database.js';
import { withSession } from '../../postgres/open-session.js';
import type { ServiceContext } from '../context.js';

/**
 * Runs the SQL of a file over a session of invctl's own, where there is no psql. It accepts SQL only: no psql
 * commands, no COPY FROM stdin.
 *
 * @throws UserError SQL_FAILED
 */
export async function executeStatements(
  context: ServiceContext,
  database: Database,
  file: string,
  transaction: boolean,
): Promise<void> {
  const text = (await readFile(file, 'utf8')).replace(/^\ufeff/, '');
  const command = /^\\\S+/m.exec(text)?.[0];
  if (command !== undefined) {
    throw new UserError({
      code: 'SQL_FAILED',
      message: `the file has the psql command ${command}, and this PostgreSQL has no psql`,
      hint: 'install psql (Debian: postgresql-client), or leave SQL alone in the file',
      file,
    });
  }
  let line = 1;
  try {
    await withSession(
      database,
      { applicationName: 'invctl db exec', signal: context.signal, asProject: true },
      async (session) => {
        if (transaction) await session.run('BEGIN;');
        await runEach(session, text, (at) => {
          line = at;
        });
        if (transaction) await session.run('COMMIT;');
      },
    );
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError({
      code: 'SQL_FAILED',
      message: `${error.message}\n${transaction ? 'nothing of the file was applied' : 'the statements before it were applied'}`,
      hint: `mend the file, then: invctl db exec ${file}`,
      file,
      line,
      cause: error,
    });
  }
}

/** Runs statement by statement, and reports the line that each begins at before it runs. */
async function runEach(session: Session, text: string, onLine: (line: number) => void): Promise<void> {
  const { statements, rest } = splitSql(text);
  let from = 0;
  let line = 1;
  for (const statement of rest === '' ? statements : [...statements, rest]) {
    const at = text.indexOf(statement, from);
    line += text.slice(from, at).split('\n').length - 1;
    onLine(line);
    await session.run(`${statement};`);
    line += statement.split('\n').length - 1;
    from = at + statement.length;
  }
}
