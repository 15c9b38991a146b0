import type { Readable } from 'node:stream';
import { ExitCode, UserError } from '../../errors.js';
import { outputTail } from '../../system/process.js';
import { type Digest, hashFile, readHashed } from './archive-file.js';
import { type Database, runProgram } from './database.js';

export interface ReadOptions {
  signal: AbortSignal;
  onBytes?: (total: number) => void;
}

/**
 * Reads a custom archive to its end: every block of every table is decompressed. (`pg_restore --list` reads the
 * table of contents only and accepts a file cut anywhere after it.)
 *
 * @throws UserError BACKUP_UNREADABLE (exit 8)
 */
export async function readWhole(database: Database, input: Readable, signal: AbortSignal): Promise<void> {
  const result = await runProgram(database, ['pg_restore', '--file=/dev/null'], { input, signal });
  if (result.status === 0) return;
  throw unreadable(`pg_restore cannot read the archive to its end:\n${outputTail(result.stderr, 5)}`);
}

/**
 * Reads an archive back from the disk, whole, and compares it with what was written.
 * @throws UserError BACKUP_UNREADABLE (exit 8)
 */
export async function proveArchive(
  database: Database,
  file: string,
  written: Digest,
  { signal, onBytes }: ReadOptions,
): Promise<void> {
  const { stream, digest } = readHashed(file, onBytes);
  await readWhole(database, stream, signal);
  // pg_restore may end without having asked for the last bytes.
  const read = digest();
  assertDigest(read.bytes === written.bytes ? read : await hashFile(file), written);
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

export function unreadable(message: string, hint = 'take another: invctl db backup'): UserError {
  return new UserError({
    code: 'BACKUP_UNREADABLE',
    message: `the backup is damaged: ${message}`,
    hint,
    exitCode: ExitCode.dataUnverified,
  });
}
