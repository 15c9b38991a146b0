import { chmodSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { explainFileError } from './files.js';

/**
 * Returns the folder in which invctl keeps the state of all projects of this user: `INVCTL_STATE_DIR`,
 * otherwise `/var/lib/invctl` for root (the user that runs PostgreSQL must reach it and cannot enter root's
 * home), otherwise `invctl` under `XDG_STATE_HOME` (default `~/.local/state`).
 */
export function stateRoot(env: NodeJS.ProcessEnv): string {
  if (env.INVCTL_STATE_DIR) return resolve(env.INVCTL_STATE_DIR);
  if (process.getuid?.() === 0) return '/var/lib/invctl';
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state'), 'invctl');
}

/**
 * Makes a folder and its parents. `traversable`: other users can enter it but not list it, which the user
 * that runs PostgreSQL for root needs.
 */
export async function makeStateFolder(folder: string, access: 'private' | 'traversable'): Promise<void> {
  try {
    const first = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    const mode = access === 'private' ? 0o700 : 0o711;
    // Independent of the umask: the new folders from the lowest up to the first that was missing.
    for (let path = folder; ; path = dirname(path)) {
      chmodSync(path, mode);
      if (path === first) break;
    }
  } catch (error) {
    throw explainFileError(error, folder);
  }
}
