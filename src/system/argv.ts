import { redact } from './secret.js';

const STDERR_TAIL_LINES = 20;

/** Returns an argument vector as a user would type it, with credentials redacted. */
export function formatArgv(argv: readonly string[]): string {
  return argv
    .map((word) => redact(word))
    .map(shellWord)
    .join(' ');
}

/** Quotes a word for a shell, in single quotes if necessary. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Returns a database's name as the programs of PostgreSQL take it: as a connection string where they would
 * take the name itself for one.
 */
export function databaseWord(name: string): string {
  return /=|^postgres(?:ql)?:\/\//.test(name) ? `dbname='${name.replaceAll(/[\\']/g, '\\$&')}'` : name;
}

/** Returns the last lines of a program's output, redacted, for an error message. */
export function outputTail(text: string, lines = STDERR_TAIL_LINES): string {
  return redact(text.trimEnd().split(/\r?\n/).slice(-lines).join('\n'));
}
