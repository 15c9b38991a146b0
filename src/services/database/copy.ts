import { backupFolder, findArchive, listBackups, type StoredBackup } from '../../backup/backup-folder.js';
import { configuredStore, noStore } from '../../backup/configured-store.js';
import { copyBackup } from '../../backup/copies.js';
import { readManifest } from '../../backup/manifest.js';
import { UserError } from '../../errors.js';
import { readSettings } from '../../project/settings-file.js';
import { withProjectLock } from '../../system/lock.js';
import type { ServiceContext } from '../context.js';

export interface Copied {
  /** Where: `/mnt/backups`, `s3://bucket/prefix`. */
  address: string;
  /** Archives that were sent. */
  copied: string[];
  /** Archives that were there already. */
  present: string[];
}

/**
 * Copies the backups that are not away yet, oldest first: all of the project's folder, or one.
 * @throws UserError NO_COPY_STORE (exit 4), BACKUP_NOT_FOUND, COPIES_UNREACHABLE, COPY_FAILED.
 */
export async function copyAway(
  context: ServiceContext,
  input: { file?: string; onProgress?: (bytes: number, expected: number) => void },
): Promise<Copied> {
  const location = context.project();
  return withProjectLock(location, { command: 'invctl db copy', signal: context.signal }, async () => {
    const settings = await readSettings(location);
    const store = await configuredStore(context, { location, settings });
    if (!store) throw noStore();
    const result: Copied = { address: store.address, copied: [], present: [] };
    for (const backup of await chosen(context, backupFolder(location, settings), input.file)) {
      const sent = await copyBackup(store, backup, {
        signal: context.signal,
        onBytes: (bytes) => input.onProgress?.(bytes, backup.manifest.bytes),
      });
      (sent ? result.copied : result.present).push(backup.file);
    }
    return result;
  });
}

async function chosen(
  context: ServiceContext,
  folder: string,
  named: string | undefined,
): Promise<StoredBackup[]> {
  if (named === undefined) return (await listBackups(folder)).reverse();
  const file = await findArchive(named, context.directory, folder);
  const manifest = await readManifest(file);
  if (manifest) return [{ file, manifest }];
  throw new UserError({
    code: 'NO_MANIFEST',
    message: `${file} has no manifest, so a complete copy could not be told from a partial one`,
    hint: 'take a backup, which has one: invctl db backup',
    file,
  });
}
