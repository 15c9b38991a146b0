import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Database } from '../postgres/database.js';
import type { ProcessRunner } from '../system/process.js';
import { type Digest, hashFile, readHashed } from './archive-file.js';
import { type Archive, dumpFolder, type FolderArchive, openFolder, refuseKind } from './archive-kinds.js';
import { assertDigest, assertSameRows, readDump, readWhole } from './archive-reader.js';
import { decrypt, type Identities } from './encryption.js';
import { AGE_MAGIC, fileKind } from './file-kind.js';
import { type Manifest, readManifest } from './manifest.js';
import { unpack, unpackGzip } from './unpack.js';

/** What {@link openArchive} needs of the world. */
export interface OpenOptions {
  /** Read once, and only where they are needed. */
  identities: () => Promise<Identities>;
  /** Unpacks what Node cannot. */
  processes: Pick<ProcessRunner, 'run'>;
}

export interface ReadOptions {
  signal: AbortSignal;
  onBytes?: (total: number) => void;
}

/**
 * What a file or a folder is, by its manifest or its first bytes.
 *
 * @throws UserError of `identities` and {@link decrypt} for an encrypted file without a manifest, of {@link unpack}
 *   for a packed one, and of {@link refuseKind} for what is no backup of one database.
 */
export async function openArchive(file: string, { identities, processes }: OpenOptions): Promise<Archive> {
  const [stats, manifest] = await Promise.all([stat(file), readManifest(file)]);
  if (stats.isDirectory()) return openFolder(file);
  const start = await firstBytes(createReadStream(file, { end: AGE_MAGIC.length - 1 }));
  let known: Promise<Identities> | undefined;
  const encrypted = {
    decrypt: async (stored: Readable) => {
      known ??= identities();
      return decrypt(stored, await known);
    },
  };
  const archive: Archive = {
    file,
    kind: manifest?.format ?? 'plain',
    bytes: stats.size,
    ...(fileKind(start) === 'age' ? encrypted : {}),
    ...(manifest?.format === 'plain' ? { unpack: unpackGzip } : {}),
  };
  if (manifest) return { ...archive, manifest };
  const content = await unpack((await readArchive(archive)).stream, processes);
  content.stream.destroy();
  return {
    ...archive,
    kind: refuseKind(file, content),
    ...(content.packings.length > 0
      ? { unpack: async (stored: Readable) => (await unpack(stored, processes)).stream }
      : {}),
  };
}

async function firstBytes(stream: Readable): Promise<Buffer> {
  for await (const chunk of stream) return chunk as Buffer;
  return Buffer.alloc(0);
}

/**
 * What an archive holds, as a stream, and what of the file has been read for it. Of a folder: a tar file of it.
 * @throws UserError IDENTITY_NEEDED, IDENTITY_INVALID, IDENTITY_WRONG
 */
export async function readArchive(
  archive: Archive,
  onBytes?: (total: number) => void,
): Promise<{ stream: Readable; digest: () => Digest }> {
  if (archive.kind === 'directory') return dumpFolder(archive as FolderArchive, onBytes);
  const { stream: stored, digest } = readHashed(archive.file, onBytes);
  const stream = archive.decrypt ? await archive.decrypt(stored) : stored;
  return { stream: archive.unpack ? await archive.unpack(stream) : stream, digest };
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
  if (kind === 'plain') assertSameRows(await readDump(stream, database.name), manifest.tables);
  else if (kind === 'custom') await readWhole(database, stream, signal);
  else {
    const { readDataFolder } = await import('./physical-backup.js');
    await readDataFolder(stream);
  }
  // A reader may end without having asked for the last bytes.
  const read = digest();
  assertDigest(read.bytes === manifest.bytes ? read : await hashFile(file), manifest);
}
