import type { Readable } from 'node:stream';
import { UserError } from '../../errors.js';
import { SETTINGS_FILE } from '../../project/settings-path.js';
import type { ServiceContext } from '../context.js';
import type { Digest } from './archive-file.js';
import type { Database } from './database.js';

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
  names(): Promise<string[]>;
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

/** The place that `backup.copyTo` of invctl.yaml names; undefined where it names none. */
export async function configuredStore(
  context: Pick<ServiceContext, 'warn'>,
  { location, settings }: Pick<Database, 'location' | 'settings'>,
): Promise<CopyStore | undefined> {
  const { copyTo } = settings.backup;
  if (copyTo === undefined) return undefined;
  if (typeof copyTo === 'string') {
    const { FolderStore } = await import('./folder-store.js');
    return FolderStore.open(context, copyTo, { location, settings });
  }
  const { BucketStore } = await import('./bucket-store.js');
  return BucketStore.open(copyTo);
}

/** {@link configuredStore} for who has nothing to do without one. @throws UserError NO_COPY_STORE (exit 4) */
export function noStore(): UserError {
  return new UserError({
    code: 'NO_COPY_STORE',
    message: `${SETTINGS_FILE} names no place for copies`,
    hint: `set backup.copyTo in ${SETTINGS_FILE}: a folder of another disk, or {bucket, prefix, endpoint, region}`,
    exitCode: 4,
  });
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
