import { redact } from './secret.js';

const STDERR_TAIL_LINES = 20;

/** An argument vector as a person would type it, credentials redacted. */
export function formatArgv(argv: readonly string[]): string {
  return argv
    .map((word) => redact(word))
    .map(shellWord)
    .join(' ');
}

/** A word as a shell takes it: in single quotes where it needs them. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The last lines of a program's output, redacted: what goes into an error message. */
export function outputTail(text: string, lines = STDERR_TAIL_LINES): string {
  return redact(text.trimEnd().split(/\r?\n/).slice(-lines).join('\n'));
}
