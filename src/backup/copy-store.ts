import type { Readable } from 'node:stream';
import { UserError } from '../errors.js';
import type { Digest } from './archive-file.js';

export interface TransferOptions {
  signal: AbortSignal;
  onBytes?: (total: number) => void;
}

/**
 * A place for copies outside the backups' own disk. It stores files by name and does not interpret them.
 * Every method throws a UserError COPIES_UNREACHABLE with the answer of the place.
 */
export interface CopyStore {
  /** Address as the user writes it: `/mnt/backups`, `s3://bucket/prefix`. A slash and a name follow it. */
  readonly address: string;
  /** Returns the names of the files in it, not of those in its folders. */
  names(): Promise<string[]>;
  /** Returns a folder in it, which is made with its first file. */
  folder(name: string): CopyStore;
  /** Returns undefined if there is no such file. */
  readText(name: string): Promise<string | undefined>;
  writeText(name: string, text: string): Promise<void>;
  /** As {@link CopyStore.write}, of content that is in memory: a bucket gets it in one request. */
  writeBytes(name: string, content: Uint8Array, signal: AbortSignal): Promise<void>;
  read(name: string, signal: AbortSignal): Promise<Readable>;
  /**
   * Sends a file of this machine. Afterwards either the whole file exists there, or no file of that name.
   * @returns the digest of the sent bytes.
   */
  write(name: string, file: string, options: TransferOptions & { bytes: number }): Promise<Digest>;
  remove(name: string): Promise<void>;
}

export function unreachable(address: string, why: string, hint: string, cause?: unknown): UserError {
  return new UserError({
    code: 'COPIES_UNREACHABLE',
    message: `${address}: ${why}`,
    hint,
    details: { address },
    ...(cause === undefined ? {} : { cause }),
  });
}
