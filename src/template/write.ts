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
  /** A file is there: it is put aside first, and with `copy` it stays there afterwards. */
  existing: 'none' | 'discard' | 'copy';
}

export interface WriteOptions {
  /** Real path of the project folder. */
  root: string;
  /** Where copies stay, each at its path relative to `root`. */
  copiesFolder: string;
  /** Where other existing files wait until everything is written. Removed in the end. */
  asideFolder: string;
  /** Modes of new folders by absolute path; others get the process's default. */
  folderModes: ReadonlyMap<string, number>;
  signal: AbortSignal;
}

type Undo = (() => Promise<unknown>)[];

/**
 * Writes all of the files, or none: a failure or an abort puts everything back as it was, folders included. What a
 * killed one, or a power cut, leaves is whole files of the first ones in order, and the last file only with all others.
 *
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
  /** Holds the content, beside `path`. */
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
 * Makes a folder and what is missing above it, and pushes the way back for each.
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
    // mkdir's own mode is cut by the umask.
    if (mode !== undefined) await chmod(path, mode);
  } catch (error) {
    // Another process may have made it between the look and the attempt.
    if (hasErrorCode(error, 'EEXIST') && (await isFolder(path))) return;
    throw explainFileError(error, path);
  }
}

/** Runs the steps last to first. One that fails does not keep the others from running. */
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

/** A second name for the same content: it takes no space, so that a full disk can still be reverted. */
async function duplicate(path: string, copy: string): Promise<void> {
  try {
    try {
      await link(path, copy);
    } catch (error) {
      // File systems without hard links (exFAT, some network shares), and another user's file.
      if (!hasErrorCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EXDEV', 'ENOSYS')) throw error;
      await copyFile(path, copy, constants.COPYFILE_EXCL);
    }
  } catch (error) {
    throw explainFileError(error, copy);
  }
}
