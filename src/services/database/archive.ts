import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { ExitCode, UserError } from '../../errors.js';
import { type Digest, hashFile, readHashed } from './archive-file.js';
import {
  assertDigest,
  assertSameRows,
  examineSql,
  notReadWhole,
  readDump,
  readWhole,
} from './archive-reader.js';
import { type Database, runProgram } from './database.js';
import { AGE_MAGIC, decrypt, type Identities } from './encryption.js';
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
  /** Of an encrypted file: its content. Absent: the file is the content. */
  decrypt?: (stored: Readable) => Promise<Readable>;
}

export interface ReadOptions {
  signal: AbortSignal;
  onBytes?: (total: number) => void;
}

/**
 * What a file is, by its manifest or its first bytes.
 *
 * @param identities read once, and only where they are needed.
 * @throws UserError of `identities` and {@link decrypt} for an encrypted file without a manifest.
 */
export async function openArchive(file: string, identities: () => Promise<Identities>): Promise<Archive> {
  const [{ size }, manifest, start] = await Promise.all([
    stat(file),
    readManifest(file),
    firstBytes(createReadStream(file, { end: AGE_MAGIC.length - 1 })),
  ]);
  let known: Promise<Identities> | undefined;
  const encrypted = {
    decrypt: async (stored: Readable) => {
      known ??= identities();
      return decrypt(stored, await known);
    },
  };
  const archive: Archive = {
    file,
    kind: manifest?.format ?? kindOf(start),
    bytes: size,
    ...(manifest ? { manifest } : {}),
    ...(start.startsWith(AGE_MAGIC) ? encrypted : {}),
  };
  if (manifest || !archive.decrypt) return archive;
  return { ...archive, kind: kindOf(await firstBytes((await readArchive(archive)).stream)) };
}

function kindOf(start: string): Archive['kind'] {
  return start.startsWith('PGDMP') ? 'custom' : 'plain';
}

async function firstBytes(stream: Readable): Promise<string> {
  for await (const chunk of stream) return (chunk as Buffer).toString('latin1', 0, AGE_MAGIC.length);
  return '';
}

/**
 * What an archive holds, as a stream, and what of the file has been read for it.
 * @throws UserError IDENTITY_NEEDED, IDENTITY_INVALID, IDENTITY_WRONG
 */
export async function readArchive(
  { file, decrypt: open }: Archive,
  onBytes?: (total: number) => void,
): Promise<{ stream: Readable; digest: () => Digest }> {
  const { stream, digest } = readHashed(file, onBytes);
  return { stream: open ? await open(stream) : stream, digest };
}

/** The identities for an encrypted archive are there and right. @throws UserError as {@link readArchive}. */
export async function assertOpens(archive: Archive): Promise<void> {
  if (archive.decrypt) await firstBytes((await readArchive(archive)).stream);
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
  archive: Archive & { manifest: Manifest },
  { signal, onBytes }: ReadOptions,
): Promise<void> {
  const { file, kind, manifest } = archive;
  const { stream, digest } = await readArchive(archive, onBytes);
  if (kind === 'plain') assertSameRows(await readDump(stream), manifest.tables);
  else if (kind === 'custom') await readWhole(database, stream, signal);
  else {
    const { readDataFolder } = await import('./cold-copy.js');
    await readDataFolder(stream);
  }
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
  archive: Archive,
  options: ReadOptions,
): Promise<DumpExamination> {
  const { file, kind } = archive;
  const { stream } = await readArchive(archive, options.onBytes);
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
  if (result.status !== 0) throw notReadWhole(result.stderr, 'invctl db list');
  return examination;
}
