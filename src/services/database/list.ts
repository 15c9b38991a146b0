import { basename } from 'node:path';
import { backupFolder, listBackups, type StoredBackup } from '../../backup/backup-folder.js';
import { configuredStore } from '../../backup/configured-store.js';
import { listCopies } from '../../backup/copies.js';
import { type Base, type Window, windowsOf } from '../../backup/protection/catalogue.js';
import { protectionPlace, readCatalogue, readRecord } from '../../backup/protection/place.js';
import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ProjectSettings, readSettings } from '../../project/settings-file.js';
import type { ServiceContext } from '../context.js';

export interface ListedBackup extends Omit<StoredBackup, 'file'> {
  /** Absolute path; for a backup that has only its copy, the address of the copy. */
  file: string;
  /** The backup is on this disk. */
  here: boolean;
  /** Address of its copy; null when there is none, or the place did not answer. */
  copy: string | null;
}

/** The base backups, and the stretches of time that can be restored. */
export interface ListedProtection {
  place: string;
  /** Newest first. */
  bases: Base[];
  wal: { segments: number; bytes: number };
  /** Stretches of time without a gap that can be restored, oldest first. */
  windows: Window[];
}

export interface BackupList {
  backups: ListedBackup[];
  /** Absent: no protection was ever on here. */
  protection?: ListedProtection;
  /** Where copies go; null where invctl.yaml names no place. */
  copyTo: string | null;
}

/**
 * The project's backups, here and copied, newest first. Needs no engine. A place that does not answer is a
 * warning.
 */
export async function backups(context: ServiceContext): Promise<BackupList> {
  const location = context.project();
  const settings = await readSettings(location);
  const stored = await listBackups(backupFolder(location, settings));
  const { address, copies } = await away();
  const protection = await listProtection(location, settings).catch((error) => {
    if (!(error instanceof UserError)) throw error;
    return notListed('base backups and WAL', error);
  });
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
    ...(protection ? { protection } : {}),
    copyTo: address,
  };

  async function away() {
    try {
      const store = await configuredStore(context, { location, settings });
      if (!store) return { address: null, copies: [] };
      return { address: store.address, copies: await listCopies(store, location.name) };
    } catch (error) {
      if (!(error instanceof UserError) || error.code === 'CONFIG_INVALID') throw error;
      notListed('the copies', error);
      return { address: null, copies: [] };
    }
  }

  function notListed(what: string, { message, hint }: UserError): undefined {
    context.warn(`${what} are not listed: ${message}${hint ? `\n${hint}` : ''}`);
  }
}

async function listProtection(
  location: ProjectLocation,
  settings: ProjectSettings,
): Promise<ListedProtection | undefined> {
  const place = protectionPlace(location, settings);
  const record = await readRecord(place);
  if (!record) return undefined;
  const catalogue = await readCatalogue(place, record);
  const segments = catalogue.runs.flatMap((run) => run.segments);
  return {
    place,
    bases: catalogue.bases.toReversed(),
    wal: { segments: segments.length, bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0) },
    windows: windowsOf(catalogue),
  };
}
