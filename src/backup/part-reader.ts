import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Digest } from './archive-file.js';

/** Reads a file part by part into memory of the caller, and hashes it at the same time. */
export class PartReader {
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #parts = 0;
  #previous: Promise<unknown> = Promise.resolve();

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async open(file: string): Promise<PartReader> {
    return new PartReader(await open(file));
  }

  /**
   * Fills `memory` with the next bytes. Several callers, each with its own memory, get their parts in the
   * order of their calls.
   * @returns the part and its number from 1; only the last part of the file is shorter than `memory`;
   * undefined after the end.
   */
  next(memory: Buffer): Promise<{ number: number; content: Buffer } | undefined> {
    const part = this.#previous.then(() => this.#read(memory));
    this.#previous = part.catch(() => {});
    return part;
  }

  async #read(memory: Buffer): Promise<{ number: number; content: Buffer } | undefined> {
    let filled = 0;
    while (filled < memory.length) {
      const { bytesRead } = await this.#handle.read(memory, filled, memory.length - filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    if (filled === 0) return undefined;
    const content = memory.subarray(0, filled);
    this.#hash.update(content);
    this.#bytes += filled;
    this.#parts += 1;
    return { number: this.#parts, content };
  }

  /** Returns the digest of all bytes that were read. */
  digest(): Digest {
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
