import { UserError } from '../errors.js';
import { sessionHint } from './session-hint.js';

/** PostgreSQL's words where a session asks for a database that is not there, or no longer whole. */
const MISSING = /FATAL: {1,2}(?:database ".*" does not exist|cannot connect to invalid database ".*")/;

/** What a session of ours failed of. @param said by the server or its client */
export function sessionFailed(said: string, cause?: unknown): UserError {
  return new UserError({
    code: 'SQL_FAILED',
    message: `the database refused or ended our session: ${said}`,
    hint: sessionHint(said),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Whether psql says that it is the database that is missing. */
export function saysMissing(said: string): boolean {
  return MISSING.test(said);
}

/** @param initialised what the server's first database was called, where that is known. */
export function databaseMissing(name: string, initialised = name): UserError {
  const other = initialised === name ? '' : `: its data was initialised with "${initialised}"`;
  const rename = initialised === name ? '' : `, or write POSTGRES_DB: ${initialised} into the compose file`;
  return new UserError({
    code: 'DATABASE_MISSING',
    message: `the server has no database "${name}"${other}`,
    hint: `invctl db restore FILE      (makes it of a backup; invctl db list has them)${rename}\ninvctl doctor --only db.database-missing      (what is there)`,
    details: { database: name },
  });
}
