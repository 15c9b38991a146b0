import { mkdir, rmdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { hasErrorCode } from '../errors.js';
import { explainFileError } from './files.js';

/** Folder of invctl's own files in a project. An environment has a folder below it. */
export const STATE_FOLDER = '.invctl';

/**
 * Takes a lock that other machines see as well.
 * @param options.waitMs milliseconds to wait for another holder; default 0
 * @returns a function that releases it
 * @throws UserError PROJECT_LOCKED (exit 9)
 */
export type SharedLock = (options: {
  command: string;
  waitMs?: number;
  signal?: AbortSignal;
}) => Promise<() => Promise<void>>;

/** The owner of a state folder: a project, or an environment of it. */
export interface StateOwner {
  /** Absolute. */
  readonly stateFolder: string;
  /** For a project on another machine: the lock there. */
  readonly sharedLock?: SharedLock;
}

/** Returns the folder that a state folder belongs to. */
export function ownerOf(stateFolder: string): string {
  return dirname(levels(stateFolder)[0] as string);
}

/**
 * Makes a state folder in an existing folder.
 * @throws UserError READ_ONLY and similar
 */
export async function ensureStateFolder(stateFolder: string): Promise<void> {
  for (const folder of levels(stateFolder)) {
    try {
      await mkdir(folder);
    } catch (error) {
      if (!hasErrorCode(error, 'EEXIST')) throw explainFileError(error, folder);
    }
  }
}

/** Removes a state folder, and those above it, if they are empty. */
export async function removeEmptyStateFolder(stateFolder: string): Promise<void> {
  for (const folder of levels(stateFolder).reverse()) {
    try {
      await rmdir(folder);
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) continue;
      if (hasErrorCode(error, 'ENOTEMPTY', 'EEXIST')) return;
      throw error;
    }
  }
}

/**
 * Returns the folders from `.invctl` down to the state folder; for a folder that is not inside one, only
 * itself.
 */
function levels(stateFolder: string): string[] {
  const folders = [stateFolder];
  for (let at = stateFolder; basename(at) !== STATE_FOLDER; at = dirname(at)) {
    if (dirname(at) === at) return [stateFolder];
    folders.unshift(dirname(at));
  }
  return folders;
}
