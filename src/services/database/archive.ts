import { open, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { ExitCode, UserError } from '../../errors.js';
import { hashFile, readHashed } from './archive-file.js';
import {
  assertDigest,
  assertSameRows,
  examineSql,
  readDump,
  readWhole,
  unreadable,
} from './archive-reader.js';
import { type Database, runProgram } from './database.js';
import { type Manifest, readManifest } from './manifest.js';
import { type DumpExamination, dumpLines, examineDump } from './plain-dump.js';

/** A file to restore from. */
export interface Archive {
  /** Absolute path. */
  file: string;
  /** `custom`: for pg_restore. `plain`: SQL, perhaps in gzip. `physical`: a data folder. */
  kind: Manifest['format'];
  bytes: number;
  /** Absent for a file that `db backup` did not write to disk. */
  manifest?: Manifest;
}

export interface ReadOptions {
  signal: AbortSignal;
  onBytes?: (total: number) => void;
}

/** What a file is, by its first bytes. */
export async function openArchive(file: string): Promise<Archive> {
  const [{ size }, manifest, magic] = await Promise.all([stat(file), readManifest(file), firstBytes(file)]);
  return {
    file,
    kind: manifest?.format ?? (magic === 'PGDMP' ? 'custom' : 'plain'),
    bytes: size,
    ...(manifest ? { manifest } : {}),
  };
}

async function firstBytes(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(5), 0, 5, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/**
 * Level 0: the file is the one that its manifest describes, to the bit.
 * @throws UserError BACKUP_UNREADABLE (exit 8)
 */
export async function proveDigest(
  { file, manifest }: Archive & { manifest: Manifest },
  onBytes?: (total: number) => void,
): Promise<void> {
  assertDigest(await hashFile(file, onBytes), manifest);
}

/**
 * Level 1: level 0, and its content reads to its end.
 * @throws UserError BACKUP_UNREADABLE (exit 8)
 */
export async function proveContent(
  database: Database,
  { file, kind, manifest }: Archive & { manifest: Manifest },
  { signal, onBytes }: ReadOptions,
): Promise<void> {
  if (kind === 'physical') {
    const { proveFolderArchive } = await import('./cold-copy.js');
    return proveFolderArchive(file, manifest);
  }
  const { stream, digest } = readHashed(file, onBytes);
  if (kind === 'plain') assertSameRows(await readDump(stream), manifest.tables);
  else await readWhole(database, stream, signal);
  // A reader may end without having asked for the last bytes.
  const read = digest();
  assertDigest(read.bytes === manifest.bytes ? read : await hashFile(file), manifest);
}

/**
 * Reads an archive that has no manifest to its end, as the SQL that it stands for: its tables, its rows and what is
 * wrong with it.
 *
 * @throws UserError BACKUP_UNREADABLE (exit 8), DUMP_UNSAFE (exit 8) naming each problem.
 */
export async function examineArchive(
  database: Database,
  { file, kind }: Archive,
  options: ReadOptions,
): Promise<DumpExamination> {
  const { stream } = readHashed(file, options.onBytes);
  const examination =
    kind === 'plain' ? await examineSql(stream) : await examineCustom(database, stream, options.signal);
  const unsafe = examination.problems.filter((problem) => problem.unsafe);
  if (unsafe.length > 0) {
    throw new UserError({
      code: 'DUMP_UNSAFE',
      message: `${file} is not safe to restore:\n${unsafe.map(({ line, message }) => (line === undefined ? message : `line ${line}: ${message}`)).join('\n')}`,
      hint: 'take it again from its database, or use another backup: invctl db list',
      exitCode: ExitCode.dataUnverified,
      file,
      details: { problems: examination.problems },
    });
  }
  return examination;
}

async function examineCustom(
  database: Database,
  input: Readable,
  signal: AbortSignal,
): Promise<DumpExamination> {
  const { PassThrough } = await import('node:stream');
  const sql = new PassThrough();
  const running = runProgram(database, ['pg_restore', '--file=-'], { input, output: sql, signal }).finally(
    () => sql.end(),
  );
  const [result, examination] = await Promise.all([running, examineDump(dumpLines(sql))]);
  if (result.status !== 0) {
    throw unreadable(
      `pg_restore cannot read the archive to its end:\n${result.stderr.trim()}`,
      'invctl db list',
    );
  }
  return examination;
}
