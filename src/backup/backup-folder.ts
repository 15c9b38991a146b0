import { mkdir, readdir, rename, rm, statfs } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { hasErrorCode, UserError } from '../errors.js';
import type { ProjectLocation } from '../project/locate.js';
import { resolvePath } from '../project/paths.js';
import type { ProjectSettings } from '../project/settings-file.js';
import { explainFileError, explainReadError, syncFolder, writeFileAtomic } from '../system/files.js';
import { formatManifest, type Manifest, manifestPath, readManifest } from './manifest.js';

const SUFFIX = { custom: '.dump', plain: '.sql.gz', physical: '.tar.gz' } as const;

/** A backup on disk: an archive and its manifest. */
export interface StoredBackup {
  /** Absolute path of the archive. */
  file: string;
  manifest: Manifest;
}

/** Absolute folder of the project's backups. */
export function backupFolder(location: ProjectLocation, settings: ProjectSettings): string {
  return resolvePath(location.directory, settings.backup.folder);
}

export function archiveName(
  project: string,
  id: string,
  { format, encrypted }: { format: Manifest['format']; encrypted: boolean },
): string {
  return `${project}-${id}${SUFFIX[format]}${encrypted ? '.age' : ''}`;
}

/** Makes the folder of a backup. Other users cannot enter it, because a backup holds all data. */
export async function makeBackupFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explainFileError(error, folder);
  }
}

/**
 * Returns the complete backups in a folder, newest first. The manifest is the commit mark: an archive without
 * one is not a backup.
 * @throws UserError NOT_READABLE
 */
export async function listBackups(folder: string): Promise<StoredBackup[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw explainReadError(error, folder);
  }
  const known = new Set(names);
  const archives = names.filter((name) => known.has(basename(manifestPath(name))));
  const stored = await Promise.all(
    archives.map(async (name) => {
      const file = join(folder, name);
      const manifest = await readManifest(file);
      return manifest ? [{ file, manifest }] : [];
    }),
  );
  return stored.flat().sort((a, b) => b.manifest.takenAt.localeCompare(a.manifest.takenAt));
}

/** Renames the archive first and writes the manifest last: without a manifest it is not a backup. */
export async function commitBackup(partial: string, file: string, manifest: Manifest): Promise<void> {
  await rename(partial, file);
  await syncFolder(dirname(file));
  try {
    await writeFileAtomic(manifestPath(file), formatManifest(manifest), 0o600);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

/**
 * Removes the manifest first: from then on the archive is not a backup, even if the removal is interrupted.
 * @throws UserError READ_ONLY
 */
export async function removeBackup(file: string): Promise<void> {
  try {
    await rm(manifestPath(file), { force: true });
    await syncFolder(dirname(file));
    await rm(file, { force: true });
  } catch (error) {
    throw explainFileError(error, file);
  }
}

/**
 * Finds the archive that the user names: a path, or a name in the project's backup folder.
 * @throws UserError BACKUP_NOT_FOUND
 */
export async function findArchive(named: string, directory: string, folder: string): Promise<string> {
  const candidates = isAbsolute(named) ? [named] : [resolve(directory, named), join(folder, named)];
  for (const candidate of candidates) {
    const found = await readdir(dirname(candidate)).catch(() => [] as string[]);
    if (found.includes(basename(candidate))) return candidate;
  }
  throw new UserError({
    code: 'BACKUP_NOT_FOUND',
    message: `there is no file ${named}`,
    hint: 'invctl db list',
  });
}

/**
 * @param needed bytes that will be written into `folder`.
 * @throws UserError DISK_FULL if they do not fit.
 */
export async function assertSpace(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const available = bavail * bsize;
  if (available >= needed) return;
  throw new UserError({
    code: 'DISK_FULL',
    message: `${folder} has ${available} bytes left, and about ${Math.ceil(needed)} are needed`,
    hint: `df -h ${folder}      (make room, e.g. with: invctl db prune, or write elsewhere with -o)`,
    file: folder,
    details: { available, needed: Math.ceil(needed) },
  });
}
