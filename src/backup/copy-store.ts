import type { Readable } from 'node:stream';
import { UserError } from '../errors.js';
import type { Digest } from './archive-file.js';

export interface TransferOptions {
  signal: AbortSignal;
  onBytes?: (total: number) => void;
}

/**
 * A place away from the backups' own disk: files by name, and nothing of what they mean. Every method throws a
 * UserError COPIES_UNREACHABLE that says what the place answered.
 */
export interface CopyStore {
  /** As a person names it: `/mnt/backups`, `s3://bucket/prefix`. A name goes behind it with a slash. */
  readonly address: string;
  /** Of files in it, not in its folders. */
  names(): Promise<string[]>;
  /** A folder in it, which is made with its first file. */
  folder(name: string): CopyStore;
  /** Undefined where there is no such file. */
  readText(name: string): Promise<string | undefined>;
  writeText(name: string, text: string): Promise<void>;
  read(name: string, signal: AbortSignal): Promise<Readable>;
  /**
   * Sends a file of this machine: all of it is there afterwards, or no file of that name.
   * @returns what was sent.
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
