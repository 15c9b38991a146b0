import { backupFolder, findArchive, listBackups, type StoredBackup } from '../../backup/backup-folder.js';
import { configuredStore, noStore } from '../../backup/configured-store.js';
import { copyBackup } from '../../backup/copies.js';
import { readManifest } from '../../backup/manifest.js';
import { UserError } from '../../errors.js';
import { readSettings } from '../../project/settings-file.js';
import { withProjectLock } from '../../system/lock.js';
import type { ServiceContext } from '../context.js';
import { shipProtection } from '../protection/copy-away.js';

export interface Copied {
  /** Address of the place, such as `/mnt/backups` or `s3://bucket/prefix`. */
  address: string;
  /** Archives that were sent. */
  copied: string[];
  /** Archives that were there already. */
  present: string[];
  /** What was sent of the protection. Absent: nothing is protected, or another process is copying it. */
  protection?: { bases: number; segments: number };
}

/**
 * Copies the backups that have no copy yet, oldest first: all of the project's folder, or one. With all, also
 * the base backups and the WAL.
 * @param input.takeOver continue the WAL that another machine wrote there.
 * @throws UserError NO_COPY_STORE (exit 4), BACKUP_NOT_FOUND, COPIES_UNREACHABLE, COPY_FAILED,
 * COPY_OF_ANOTHER.
 */
export async function copyAway(
  context: ServiceContext,
  input: { file?: string; takeOver?: boolean; onProgress?: (bytes: number, expected?: number) => void },
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
    if (input.file !== undefined) return result;
    const shipped = await shipProtection(
      context,
      { location, settings, store },
      { takeOver: input.takeOver ?? false, onBytes: (bytes) => input.onProgress?.(bytes) },
    );
    return shipped ? { ...result, protection: { bases: shipped.bases, segments: shipped.segments } } : result;
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
