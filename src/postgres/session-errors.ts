import { UserError } from '../errors.js';
import { sessionHint } from './session-hint.js';

/** PostgreSQL's message if a session requests a database that does not exist or is invalid. */
const MISSING = /FATAL: {1,2}(?:database ".*" does not exist|cannot connect to invalid database ".*")/;

/**
 * Makes the error of a failed session.
 * @param said the message of the server or its client
 */
export function sessionFailed(said: string, cause?: unknown): UserError {
  return new UserError({
    code: 'SQL_FAILED',
    message: `the database refused or ended our session: ${said}`,
    hint: sessionHint(said),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Whether psql's message says that the database does not exist. */
export function saysMissing(said: string): boolean {
  return MISSING.test(said);
}

/** @param initialised name of the server's first database, if it is known. */
export function databaseMissing(name: string, initialised = name): UserError {
  const other = initialised === name ? '' : `: its data was initialised with "${initialised}"`;
  const rename = initialised === name ? '' : `, or write POSTGRES_DB: ${initialised} into the compose file`;
  return new UserError({
    code: 'DATABASE_MISSING',
    message: `the server has no database "${name}"${other}`,
    hint: `invctl db restore FILE      (makes it from a backup; invctl db list shows them)${rename}\ninvctl db history TABLE      (with db protect on: what dropped it, and how it comes back)\ninvctl doctor --only db.database-missing      (what is there)`,
    details: { database: name },
  });
}
