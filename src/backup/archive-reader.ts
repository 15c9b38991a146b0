import type { Readable } from 'node:stream';
import type { UserError } from '../errors.js';
import { type Database, runProgram } from '../postgres/database.js';
import type { DatabaseFacts } from '../postgres/database-facts.js';
import { outputTail } from '../system/argv.js';
import type { Digest } from './archive-file.js';
import { type DumpExamination, examineDump } from './plain-dump.js';
import { unreadable } from './unreadable.js';

/**
 * Reads a custom archive to its end: every block of every table is decompressed. (`pg_restore --list` reads
 * only the table of contents and accepts a file that was cut anywhere after it.)
 * @throws UserError BACKUP_UNREADABLE (exit 8)
 */
export async function readWhole(database: Database, input: Readable, signal: AbortSignal): Promise<void> {
  const result = await runProgram(database, ['pg_restore', '--file=/dev/null'], { input, signal });
  if (result.status !== 0) throw notReadWhole(result.stderr);
}

/** @param stderr pg_restore's messages. */
export function notReadWhole(stderr: string, hint?: string): UserError {
  return unreadable(`pg_restore cannot read the archive to its end:\n${outputTail(stderr, 5)}`, hint);
}

/**
 * Reads an SQL dump of our own to its end and checks that its footer is there and that every COPY ends.
 * @param sql not packed.
 * @throws UserError BACKUP_UNREADABLE (exit 8)
 */
export async function readDump(sql: AsyncIterable<Buffer>, database: string): Promise<DumpExamination> {
  const examination = await examineDump(sql, database);
  const [unsafe] = examination.problems.filter((problem) => problem.unsafe);
  if (unsafe) throw unreadable(unsafe.message);
  return examination;
}

/**
 * Checks that the text of a dump has as many rows as were counted.
 * @throws UserError BACKUP_UNREADABLE (exit 8)
 */
export function assertSameRows({ tables }: DumpExamination, counted: DatabaseFacts['tables']): void {
  const written = new Map(tables.map(({ name, rows }) => [name, rows]));
  const differences = counted
    .filter(({ name, rows }) => (written.get(name) ?? 0) !== rows)
    .map(({ name, rows }) => `${name} has ${written.get(name) ?? 0} rows in place of ${rows}`);
  if (differences.length > 0) throw unreadable(differences.slice(0, 20).join('\n'));
}

/** @throws UserError BACKUP_UNREADABLE (exit 8) */
export function assertDigest(read: Digest, expected: Digest): void {
  if (read.bytes !== expected.bytes) {
    throw unreadable(`the file has ${read.bytes} bytes, and ${expected.bytes} were written`);
  }
  if (read.sha256 !== expected.sha256) {
    throw unreadable(
      `its SHA-256 is ${read.sha256}, and that of what was written is ${expected.sha256}: the file has changed`,
    );
  }
}
