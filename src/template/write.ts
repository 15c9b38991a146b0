import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { hasErrorCode } from '../errors.js';
import { explainFileError, removePartials, syncFiles, syncFolders, writePartial } from '../system/files.js';
import { Secret } from '../system/secret.js';

export interface FileWrite {
  /** Absolute, links resolved. */
  path: string;
  content: Uint8Array | Secret;
  mode: number;
  /** An existing file is put aside first; with `copy` it stays there afterwards. */
  existing: 'none' | 'discard' | 'copy';
}

export interface WriteOptions {
  /** Real path of the project folder. */
  root: string;
  /** Folder for permanent copies, each at its path relative to `root`. */
  copiesFolder: string;
  /** Folder for other existing files until everything is written. It is removed at the end. */
  asideFolder: string;
  /** Modes of new folders by absolute path; others get the process's default. */
  folderModes: ReadonlyMap<string, number>;
  signal: AbortSignal;
}

type Undo = (() => Promise<unknown>)[];

/**
 * Writes all of the files, or none: after a failure or an abort everything is as before, folders included. A
 * kill or a power cut leaves complete files, the first ones in order; the last file exists only if all others
 * do.
 * @throws UserError READ_ONLY, DISK_FULL, NOT_A_FOLDER; AbortError
 */
export async function writeFiles(writes: readonly FileWrite[], options: WriteOptions): Promise<void> {
  const undo: Undo = [];
  try {
    const prepared = await prepare(writes, undo, options);
    await syncFiles(prepared.map(({ partial }) => partial));
    for (const group of [prepared.slice(0, -1), prepared.slice(-1)]) {
      for (const one of group) await putInPlace(one, undo, options);
      await syncFolders([...new Set(group.map(({ path }) => dirname(path)))]);
    }
    options.signal.throwIfAborted();
  } catch (error) {
    await revert(undo);
    throw error;
  }
  await rm(options.asideFolder, { recursive: true, force: true });
}

interface PreparedWrite extends FileWrite {
  /** File with the new content, beside `path`. */
  partial: string;
}

async function prepare(
  writes: readonly FileWrite[],
  undo: Undo,
  { folderModes, signal }: WriteOptions,
): Promise<PreparedWrite[]> {
  const prepared: PreparedWrite[] = [];
  for (const folder of new Set(writes.map(({ path }) => dirname(path)))) {
    await createFolders(folder, undo, folderModes);
    await removePartials(folder);
  }
  for (const write of writes) {
    signal.throwIfAborted();
    const { path, content, mode } = write;
    const partial = await writePartial(path, content instanceof Secret ? content.reveal() : content, mode);
    undo.push(() => rm(partial, { force: true }));
    prepared.push({ ...write, partial });
  }
  return prepared;
}

async function putInPlace(
  { path, partial, existing }: PreparedWrite,
  undo: Undo,
  { root, copiesFolder, asideFolder, signal }: WriteOptions,
): Promise<void> {
  signal.throwIfAborted();
  if (existing === 'none') {
    undo.push(() => rm(path, { force: true }));
  } else {
    const aside = join(existing === 'copy' ? copiesFolder : asideFolder, relative(root, path));
    await createFolders(dirname(aside), undo);
    await duplicate(path, aside);
    undo.push(() => rename(aside, path));
  }
  try {
    await rename(partial, path);
  } catch (error) {
    throw explainFileError(error, path);
  }
}

/**
 * Makes a folder and its missing parents, and adds the steps that revert this.
 * @throws UserError NOT_A_FOLDER, READ_ONLY, DISK_FULL
 */
export async function createFolders(
  path: string,
  undo: Undo,
  modes: ReadonlyMap<string, number> = new Map(),
): Promise<void> {
  if (await isFolder(path)) return;
  await createFolders(dirname(path), undo, modes);
  try {
    await mkdir(path);
    undo.push(() => rmdir(path));
    const mode = modes.get(path);
    // The umask limits mkdir's mode.
    if (mode !== undefined) await chmod(path, mode);
  } catch (error) {
    // Another process may have made it between the check and the attempt.
    if (hasErrorCode(error, 'EEXIST') && (await isFolder(path))) return;
    throw explainFileError(error, path);
  }
}

/** Runs the steps from last to first. If one fails, the others still run. */
export async function revert(undo: Undo): Promise<void> {
  for (const step of undo.reverse()) await step().catch(() => {});
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return false;
    throw explainFileError(error, path);
  }
}

/** Makes a hard link to the content: it takes no space, so even a full disk can be reverted. */
async function duplicate(path: string, copy: string): Promise<void> {
  try {
    try {
      await link(path, copy);
    } catch (error) {
      // For file systems without hard links (exFAT, some network shares), and for another user's file.
      if (!hasErrorCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EXDEV', 'ENOSYS')) throw error;
      await copyFile(path, copy, constants.COPYFILE_EXCL);
    }
  } catch (error) {
    throw explainFileError(error, copy);
  }
}
