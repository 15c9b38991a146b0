import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Readable, Transform, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { explainFileError } from '../system/files.js';

export interface Digest {
  bytes: number;
  /** Hex. */
  sha256: string;
}

/**
 * Writes a stream into a new file, mode 0600, and hashes it at the same time. Memory stays constant: each
 * write waits for the disk.
 */
export class ArchiveWriter extends Writable {
  readonly #hash = createHash('sha256');
  readonly #path: string;
  readonly #handle: FileHandle;
  bytes = 0;

  private constructor(path: string, handle: FileHandle) {
    super({ highWaterMark: 1024 * 1024 });
    this.#path = path;
    this.#handle = handle;
    // The caller of write or finish gets the error. Without a listener it would end the process.
    this.on('error', () => {});
  }

  /** @throws UserError READ_ONLY, DISK_FULL or NOT_A_FOLDER. */
  static async create(path: string): Promise<ArchiveWriter> {
    try {
      const handle = await open(path, 'wx', 0o600);
      await handle.chmod(0o600);
      return new ArchiveWriter(path, handle);
    } catch (error) {
      throw explainFileError(error, path);
    }
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#hash.update(chunk);
    this.#writeWhole(chunk).then(
      () => {
        this.bytes += chunk.length;
        done();
      },
      (error) => done(explainFileError(error, this.#path) as Error),
    );
  }

  /** A nearly full disk accepts a part of a chunk without an error; the next write then fails with ENOSPC. */
  async #writeWhole(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      at += (await this.#handle.write(chunk, at)).bytesWritten;
    }
  }

  /** Ends the stream, flushes the file to the disk and closes it. */
  async finish(): Promise<Digest> {
    this.end();
    await finished(this);
    try {
      await this.#handle.sync();
    } catch (error) {
      throw explainFileError(error, this.#path);
    }
    await this.#handle.close();
    return { bytes: this.bytes, sha256: this.#hash.digest('hex') };
  }

  /** Closes the file of a stream that failed. */
  async abandon(): Promise<void> {
    this.destroy();
    await this.#handle.close().catch(() => {});
  }
}

/** Returns a file's content as a stream, with the digest of the bytes once it was read to its end. */
export function readHashed(
  file: string,
  onBytes?: (total: number) => void,
): { stream: Readable; digest: () => Digest } {
  return hashing(createReadStream(file, { highWaterMark: 1024 * 1024 }), onBytes);
}

/** Wraps a stream: it has the digest of the bytes once it was read to its end. */
export function hashing(
  source: Readable,
  onBytes?: (total: number) => void,
): { stream: Readable; digest: () => Digest } {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      onBytes?.(bytes);
      done(null, chunk);
    },
  });
  source.on('error', (error) => stream.destroy(error));
  stream.on('close', () => source.destroy());
  source.pipe(stream);
  return { stream, digest: () => ({ bytes, sha256: hash.digest('hex') }) };
}

/** Returns the SHA-256 of a file. */
export async function hashFile(file: string, onBytes?: (total: number) => void): Promise<Digest> {
  const { stream, digest } = readHashed(file, onBytes);
  for await (const _ of stream);
  return digest();
}

/** Returns the SHA-256 of a stream, which it reads to its end. */
export async function digestOf(stream: Readable): Promise<Digest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of stream) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: hash.digest('hex') };
}
