import { basename } from 'node:path';
import { backupFolder, listBackups, type StoredBackup } from '../../backup/backup-folder.js';
import { configuredStore } from '../../backup/configured-store.js';
import { listCopies } from '../../backup/copies.js';
import { UserError } from '../../errors.js';
import { readSettings } from '../../project/settings-file.js';
import type { ServiceContext } from '../context.js';

export interface ListedBackup extends Omit<StoredBackup, 'file'> {
  /** Absolute path; of one that is away only, the address of its copy. */
  file: string;
  /** On this disk. */
  here: boolean;
  /** Address of its copy; null where there is none, or nobody could tell. */
  copy: string | null;
}

export interface BackupList {
  backups: ListedBackup[];
  /** Where copies go; null where invctl.yaml names no place. */
  copyTo: string | null;
}

/** The project's backups, here and away, newest first. Needs no engine. A place that does not answer is a warning. */
export async function backups(context: ServiceContext): Promise<BackupList> {
  const location = context.project();
  const settings = await readSettings(location);
  const stored = await listBackups(backupFolder(location, settings));
  const { address, copies } = await away();
  const isOf = (file: string, name: string) => basename(file) === name;
  const here = stored.map((backup) => {
    const copy = copies.find(
      ({ name, manifest }) => isOf(backup.file, name) && manifest.sha256 === backup.manifest.sha256,
    );
    return { ...backup, here: true, copy: copy ? `${address}/${copy.name}` : null };
  });
  const others = copies
    .filter(({ name }) => !stored.some(({ file }) => isOf(file, name)))
    .map(({ name, manifest }) => ({
      file: `${address}/${name}`,
      manifest,
      here: false,
      copy: `${address}/${name}`,
    }));
  return {
    backups: [...here, ...others].sort((a, b) => b.manifest.takenAt.localeCompare(a.manifest.takenAt)),
    copyTo: address,
  };

  async function away() {
    try {
      const store = await configuredStore(context, { location, settings });
      if (!store) return { address: null, copies: [] };
      return { address: store.address, copies: await listCopies(store, location.name) };
    } catch (error) {
      if (!(error instanceof UserError) || error.code === 'CONFIG_INVALID') throw error;
      context.warn(`the copies are not listed: ${error.message}${error.hint ? `\n${error.hint}` : ''}`);
      return { address: null, copies: [] };
    }
  }
}
