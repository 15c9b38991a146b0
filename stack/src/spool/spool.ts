import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGunzip, createGzip } from 'node:zlib';
import { Problem } from '../problem.js';

/**
 * The most that all files may take at once, in bytes as they are stored. In the container `/tmp` is memory: this
 * leaves the API the rest of its 512 MB. CSV shrinks to an eighth, so that it is a gigabyte of it.
 */
const LIMIT_BYTES = 128 * 1024 ** 2;

/** What keeps a file from being stored, which is no fault of who sent it. */
const NO_ROOM = ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'ENOENT', 'EMFILE', 'ENFILE'];

/**
 * Files that wait for a slow client on this side of the database: an upload until it is there, a download until it
 * is gone. They are compressed, have no name that another program could open, and do not outlive the process.
 */
export class Spool {
  readonly #limit: number;
  #stored = 0;

  constructor(limit: number = LIMIT_BYTES) {
    this.#limit = limit;
  }

  /** Bytes that all open files take. */
  get stored(): number {
    return this.#stored;
  }

  /** An empty file. Whoever asked for it has to close it. @throws {Problem} 503 where there is no place for one. */
  async create(): Promise<SpooledFile> {
    const path = join(tmpdir(), `inventory-spool-${randomUUID()}`);
    const handle = await open(path, 'wx+', 0o600).catch((error: unknown) => Promise.reject(asProblem(error)));
    // Not where an open file cannot be removed: there it goes when it is closed.
    await rm(path, { force: true }).catch(() => {});
    return new SpooledFile(handle, path, (bytes) => {
      if (this.#stored + bytes > this.#limit) throw noRoom();
      this.#stored += bytes;
    });
  }
}

/** One file: written once, then read. */
export class SpooledFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #reserve: (bytes: number) => void;
  #bytes = 0;
  #closed: Promise<void> | undefined;

  constructor(handle: FileHandle, path: string, reserve: (bytes: number) => void) {
    this.#handle = handle;
    this.#path = path;
    this.#reserve = reserve;
  }

  /** Takes the content in. @throws {Problem} 503 when there is no room for it; and what `source` throws. */
  store(source: Readable | AsyncIterable<Buffer>): Promise<void> {
    return pipeline(source, createGzip({ level: constants.Z_BEST_SPEED }), async (chunks) => {
      for await (const chunk of chunks) await this.#append(chunk);
    });
  }

  /** The content from its beginning. */
  read(): Readable {
    const content = createGunzip();
    pipeline(this.#handle.createReadStream({ start: 0, autoClose: false }), content).catch(() => {});
    return content;
  }

  /** Gives its room back. May be called more than once. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#reserve(-this.#bytes);
    await this.#handle.close();
    await rm(this.#path, { force: true });
  }

  async #append(chunk: Buffer): Promise<void> {
    this.#reserve(chunk.length);
    this.#bytes += chunk.length;
    try {
      await this.#handle.appendFile(chunk);
    } catch (error) {
      throw asProblem(error);
    }
  }
}

function asProblem(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return NO_ROOM.includes(code) ? noRoom(error) : error;
}

function noRoom(cause?: unknown): Problem {
  return new Problem(503, 'no_room', 'There is no room for a file of this size now. Try again later.', {
    headers: { 'retry-after': '10' },
    cause,
  });
}
