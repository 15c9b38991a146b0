import { readSettings } from '../../project/settings-file.js';
import type { ServiceContext } from '../context.js';
import { backupFolder, listBackups, type StoredBackup } from './backup-store.js';

/** The project's backups, newest first. Needs no engine. */
export async function backups(context: ServiceContext): Promise<StoredBackup[]> {
  const location = context.project();
  return listBackups(backupFolder(location, await readSettings(location.directory)));
}
