import { mkdir, rmdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { hasErrorCode } from '../errors.js';
import { explainFileError } from './files.js';

/** Of a project: what invctl keeps for itself there. An environment has a folder below it. */
export const STATE_FOLDER = '.invctl';

/**
 * Takes a lock that other machines see as well.
 * @param options.waitMs milliseconds to wait for another holder; default 0
 * @returns what releases it
 * @throws UserError PROJECT_LOCKED (exit 9)
 */
export type SharedLock = (options: {
  command: string;
  waitMs?: number;
  signal?: AbortSignal;
}) => Promise<() => Promise<void>>;

/** Whoever has a state folder: a project, or an environment of it. */
export interface StateOwner {
  /** Absolute. */
  readonly stateFolder: string;
  /** Of a project that lives on another machine: the lock there. */
  readonly sharedLock?: SharedLock;
}

/** The folder that a state folder belongs to. */
export function ownerOf(stateFolder: string): string {
  return dirname(levels(stateFolder)[0] as string);
}

/** Makes a state folder, in a folder that has to be there. @throws UserError READ_ONLY and the like */
export async function ensureStateFolder(stateFolder: string): Promise<void> {
  for (const folder of levels(stateFolder)) {
    try {
      await mkdir(folder);
    } catch (error) {
      if (!hasErrorCode(error, 'EEXIST')) throw explainFileError(error, folder);
    }
  }
}

/** Removes a state folder, and those above it, as far as nothing is in them. */
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

/** From `.invctl` down to the state folder; of a folder that is not in one, itself alone. */
function levels(stateFolder: string): string[] {
  const folders = [stateFolder];
  for (let at = stateFolder; basename(at) !== STATE_FOLDER; at = dirname(at)) {
    if (dirname(at) === at) return [stateFolder];
    folders.unshift(dirname(at));
  }
  return folders;
}
