import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasErrorCode, UserError } from '../errors.js';

const PARTIAL = /\.[0-9a-f]{12}\.partial$/;

/**
 * Writes a file so that a reader, or a power cut, sees the old content or the new, never a part: a temporary
 * file beside it, fsync, rename, fsync of the folder.
 * @param mode permission bits of the new file, independent of the umask.
 * @throws UserError READ_ONLY, DISK_FULL or NOT_A_FOLDER (see {@link explainFileError}).
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
  const temporary = await writePartial(path, content, mode);
  try {
    await syncFiles([temporary]);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainFileError(error, path);
  }
}

/**
 * Writes the new content of a file beside it, for callers that rename many files at once. A power cut may
 * lose it until {@link syncFiles}.
 * @param mode permission bits, independent of the umask.
 * @returns its path, for `rename`; {@link removePartials} recognises it.
 * @throws UserError as {@link writeFileAtomic}; nothing is left then.
 */
export async function writePartial(
  path: string,
  content: string | Uint8Array,
  mode: number,
): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`);
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.chmod(mode);
      await handle.writeFile(content);
    } finally {
      await handle.close();
    }
    return temporary;
  } catch (error) {
    await rm(temporary, { force: true });
    throw explainFileError(error, path);
  }
}

/** The number of Node's threads for files, so that one commit of the file system's journal serves several. */
const SYNCS_AT_A_TIME = 4;

/**
 * Makes the content of files survive a power cut.
 * @throws UserError DISK_FULL
 */
export async function syncFiles(paths: readonly string[]): Promise<void> {
  await severalAtATime(paths, async (path) => {
    try {
      const handle = await open(path, 'r');
      await handle.sync().finally(() => handle.close());
    } catch (error) {
      throw explainFileError(error, path);
    }
  });
}

/** Calls {@link syncFolder} for each. */
export async function syncFolders(folders: readonly string[]): Promise<void> {
  await severalAtATime(folders, syncFolder);
}

async function severalAtATime(
  paths: readonly string[],
  work: (path: string) => Promise<void>,
): Promise<void> {
  const queue = paths.values();
  const worker = async () => {
    for (const path of queue) await work(path);
  };
  await Promise.all(Array.from({ length: SYNCS_AT_A_TIME }, worker));
}

/** Whether a name is that of a leftover of a killed {@link writeFileAtomic}. */
export function isPartial(name: string): boolean {
  return name.startsWith('.') && PARTIAL.test(name);
}

/**
 * Removes leftovers of a killed {@link writeFileAtomic}. No other process may be writing these files at the
 * same time.
 * @param prefix of the files' names; empty: of all files of the folder.
 */
export async function removePartials(folder: string, prefix = ''): Promise<void> {
  const names = await readdir(folder).catch((error) => {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  });
  for (const name of names) {
    if (name.startsWith(`.${prefix}`) && isPartial(name)) await rm(join(folder, name), { force: true });
  }
}

/** Makes a rename or a removal in this folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems (and Windows) refuse fsync of a folder; the rename itself is still atomic there.
    if (!hasErrorCode(error, 'EINVAL', 'EPERM', 'EISDIR', 'ENOTSUP')) throw error;
  } finally {
    await handle.close();
  }
}

/** Turns a failure to read into a UserError that names the path. */
export function explainReadError(error: unknown, path: string): unknown {
  if (!hasErrorCode(error, 'EACCES', 'EPERM', 'ENOTDIR')) return error;
  const aFile = error.code === 'ENOTDIR';
  return new UserError({
    code: 'NOT_READABLE',
    message: `${path} cannot be read: ${aFile ? 'it, or a part of its path, is a file and not a folder' : 'permission denied'}`,
    hint: aFile
      ? `ls -ld ${path} ${dirname(path)}      (move the file away, or name another folder)`
      : `ls -ld ${path}      (run the same command as the user whose it is)`,
    file: path,
    cause: error,
  });
}

/**
 * Turns a failure that the user can correct (read-only, full, not a folder) into a UserError that names the
 * path.
 */
export function explainFileError(error: unknown, path: string): unknown {
  if (hasErrorCode(error, 'EROFS', 'EACCES', 'EPERM')) {
    return new UserError({
      code: 'READ_ONLY',
      message: `${path} cannot be written: ${error.code === 'EROFS' ? 'the file system is read-only' : 'permission denied'}`,
      hint: `ls -ld ${dirname(path)}      (choose a folder that you may write, or mend its owner and mode)`,
      file: path,
      cause: error,
    });
  }
  if (hasErrorCode(error, 'ENOSPC', 'EDQUOT')) {
    return new UserError({
      code: 'DISK_FULL',
      message: `${path} cannot be written: ${error.code === 'EDQUOT' ? 'the disk quota is used up' : 'the disk is full'}`,
      hint: `df -h ${dirname(path)}      (make room, then run the same command again)`,
      file: path,
      cause: error,
    });
  }
  if (hasErrorCode(error, 'ENOTDIR', 'EEXIST')) {
    return new UserError({
      code: 'NOT_A_FOLDER',
      message: `${path} cannot be written: a part of the path is a file, not a folder`,
      hint: `ls -ld ${dirname(path)}`,
      file: path,
      cause: error,
    });
  }
  return error;
}
