import { createReadStream } from 'node:fs';
import { access, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip, createGzip, gzip as gzipBytes } from 'node:zlib';
import { hasErrorCode } from '../../errors.js';
import { explainReadError, syncFolder } from '../../system/files.js';
import { ArchiveWriter } from '../archive-file.js';
import { decrypt, encryptInto, type Identities } from '../encryption.js';

const CHUNK_BYTES = 1024 * 1024;
/** Suffixes of a packed file's name, in the order of packing. */
const PACKINGS = ['', '.gz', '.age', '.gz.age'] as const;

export type Packing = (typeof PACKINGS)[number];

/** Reads the identities once, and only if a file is encrypted. */
export type Opener = () => Promise<Identities>;

/** A file of the place by the name that it had before it was packed. */
export interface StoredFile {
  name: string;
  packing: Packing;
  /** Absolute. */
  file: string;
}

/** @param options.gzip false for content that is compressed already. */
export function packingOf(options: { gzip: boolean; encrypted: boolean }): Packing {
  return `${options.gzip ? '.gz' : ''}${options.encrypted ? '.age' : ''}`;
}

/** Returns a segment's name without the suffixes of packing. (`base.tar.gz` is not packed.) */
export function unpackedName(name: string): string {
  return name.replace(/(\.gz)?(\.age)?$/, '');
}

/** Returns undefined if the folder has the file neither packed nor unpacked. */
export async function findStored(folder: string, name: string): Promise<StoredFile | undefined> {
  for (const packing of PACKINGS) {
    const file = join(folder, `${name}${packing}`);
    try {
      await access(file);
      return { name, packing, file };
    } catch (error) {
      if (!hasErrorCode(error, 'ENOENT')) throw explainReadError(error, file);
    }
  }
  return undefined;
}

/**
 * Returns the content of a file before it was packed.
 * @throws UserError of {@link decrypt} and `opener`, also from the stream.
 */
export async function readStored({ file, packing }: StoredFile, opener: Opener): Promise<Readable> {
  return unpack(createReadStream(file, { highWaterMark: CHUNK_BYTES }), packing, opener);
}

/** As {@link readStored}, of a stream. */
export async function unpack(raw: Readable, packing: Packing, opener: Opener): Promise<Readable> {
  const stored = packing.endsWith('.age') ? await decrypt(raw, await opener()) : raw;
  if (!packing.startsWith('.gz')) return stored;
  const plain = createGunzip({ chunkSize: CHUNK_BYTES });
  // The reader gets the error from the stream.
  pipeline(stored, plain).catch(() => {});
  return plain;
}

/**
 * Packs a file into a new one with the same time, which is on the disk when this resolves.
 * @param recipients empty: it is not encrypted.
 */
export async function packFile(
  source: string,
  target: string,
  options: { gzip: boolean; recipients: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const { mtime } = await stat(source);
  await packStream(createReadStream(source, { highWaterMark: CHUNK_BYTES }), target, { ...options, mtime });
}

/** As {@link packFile}, of a stream. */
export async function packStream(
  plain: Readable,
  target: string,
  {
    gzip,
    recipients,
    signal,
    mtime,
  }: { gzip: boolean; recipients: readonly string[]; signal: AbortSignal; mtime: Date },
): Promise<void> {
  const partial = `${target}.partial`;
  await rm(partial, { force: true });
  const writer = await ArchiveWriter.create(partial);
  try {
    const sink = recipients.length > 0 ? await encryptInto(writer, recipients) : undefined;
    const steps = gzip ? [plain, createGzip({ level: 1, chunkSize: CHUNK_BYTES })] : [plain];
    await (sink
      ? pipeline([...steps, sink], { signal })
      : pipeline([...steps, writer], { end: false, signal }));
    await writer.finish();
    await utimes(partial, mtime, mtime);
    await rename(partial, target);
    await syncFolder(join(target, '..'));
  } catch (error) {
    await writer.abandon();
    await rm(partial, { force: true });
    throw error;
  }
}

/**
 * Packs content in memory: gzip, then encryption if there are recipients.
 * @throws UserError CONFIG_INVALID (exit 4) for a recipient with a mistyped letter.
 */
export async function packBytes(content: Buffer, recipients: readonly string[]): Promise<Buffer> {
  const compressed = await promisify(gzipBytes)(content, { level: 1 });
  if (recipients.length === 0) return compressed;
  const encrypted = new PassThrough();
  const packed = buffer(encrypted);
  await pipeline(Readable.from([compressed]), await encryptInto(encrypted, recipients));
  encrypted.end();
  return packed;
}
