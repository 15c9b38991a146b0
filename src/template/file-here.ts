import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode, UserError } from '../errors.js';
import { containedPath, readIfPresent } from './compare.js';

/** What exists at a path of a project. */
export type FileHere =
  | { kind: 'none' }
  /** `path`: relative to the project, links resolved. */
  | { kind: 'file'; path: string; content: Buffer; mode: number }
  /** A folder, or something that cannot be read, such as a socket. */
  | { kind: 'other' }
  /** A link to a place outside the project, or to nothing. */
  | { kind: 'link' }
  /** A part of the path is a file. */
  | { kind: 'below-file' };

/**
 * @param root real path of the project.
 * @throws UserError UNREADABLE
 */
export async function fileHere(root: string, path: string): Promise<FileHere> {
  let real: string;
  try {
    real = await containedPath(root, path);
    const found = await stat(real);
    if (!found.isFile()) return { kind: 'other' };
    const content = await readIfPresent(real);
    if (content === undefined) return { kind: 'none' };
    return { kind: 'file', path: real.slice(root.length + 1), content, mode: found.mode & 0o777 };
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return { kind: 'none' };
    if (hasErrorCode(error, 'ENOTDIR')) return { kind: 'below-file' };
    if (error instanceof UserError && error.code === 'NOT_A_FOLDER') return { kind: 'below-file' };
    if (error instanceof UserError && error.code === 'SYMLINK_OUTSIDE') return { kind: 'link' };
    throw error;
  }
}

/** Returns the names of the files in a folder of the project; empty if there is no such folder. */
export async function fileNames(root: string, folder: string): Promise<string[]> {
  try {
    return await readdir(join(root, folder));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
