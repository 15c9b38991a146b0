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

/** Dependencies of {@link openArchive}. */
export interface OpenOptions {
  /** Reads the identities once, and only if they are needed. */
  identities: () => Promise<Identities>;
  /** Runs the programs that unpack formats which Node does not know. */
  processes: Pick<ProcessRunner, 'run'>;
}

export interface ReadOptions {
  signal: AbortSignal;
  onBytes?: (total: number) => void;
}

/**
 * Opens a file or a folder; its manifest or its first bytes decide the kind.
 * @throws UserError of `identities` and {@link decrypt} for an encrypted file without a manifest, of {@link
 * unpack} for a packed one, and of {@link refuseKind} for a file that is not a backup of one database.
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
 * Returns an archive's content as a stream, with the digest of the stored bytes that were read for it. A
 * folder gives a tar file.
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

/**
 * Checks that the identities for an encrypted archive exist and are right.
 * @throws UserError as {@link readArchive}.
 */
export async function assertOpens(archive: Archive): Promise<void> {
  if (archive.decrypt) await firstBytes((await readArchive(archive)).stream);
}

/**
 * Level 0: the file is bit by bit the one that its manifest describes.
 * @throws UserError BACKUP_UNREADABLE (exit 8)
 */
export async function proveDigest(
  { file, manifest }: Archive & { manifest: Manifest },
  onBytes?: (total: number) => void,
): Promise<void> {
  assertDigest(await hashFile(file, onBytes), manifest);
}

/**
 * Level 1: level 0, and its content can be read to its end.
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
  // A reader may end without requesting the last bytes.
  const read = digest();
  assertDigest(read.bytes === manifest.bytes ? read : await hashFile(file), manifest);
}
