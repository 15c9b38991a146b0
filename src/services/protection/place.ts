import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import type { ProjectLocation } from '../../project/locate.js';
import { PROTECT_ROLE } from '../../project/receiver.js';
import { explainFileError, writeFileAtomic } from '../../system/files.js';
import { PACKAGE_FOLDER } from '../../system/package-folder.js';
import { Secret } from '../../system/secret.js';

const SCRIPT = join(PACKAGE_FOLDER, 'templates', 'protection', 'receiver.sh');

/** The place as a compose file names it: relative if it is in the project. */
export function placeInCompose(location: ProjectLocation, place: string): string {
  const path = relative(location.directory, place);
  return isAbsolute(path) || path.startsWith('..') ? place : `./${path}`;
}

/** Creates the place, closed to other users, with what the receiver runs and its login. */
export async function furnishPlace(place: string, password: Secret): Promise<void> {
  try {
    await mkdir(place, { recursive: true, mode: 0o700 });
    await chmod(place, 0o700);
    for (const folder of ['state', 'wal', 'bases'])
      await mkdir(join(place, folder), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw explainFileError(error, place);
  }
  await writeFileAtomic(join(place, 'receiver.sh'), await readFile(SCRIPT), 0o600);
  await writeFileAtomic(join(place, '.pgpass'), `*:*:*:${PROTECT_ROLE}:${password.reveal()}\n`, 0o600);
}

/** Password of the receiver's role. Undefined: the protection is off. */
export async function receiverPassword(place: string): Promise<Secret | undefined> {
  const text = await readFile(join(place, '.pgpass'), 'utf8').catch(() => undefined);
  const [, password] = /^\*:\*:\*:[^:]*:(.+)$/m.exec(text ?? '') ?? [];
  return password === undefined ? undefined : new Secret(password);
}

/** Removes what the receiver runs and its login. What it has received stays. */
export async function emptyPlace(place: string): Promise<void> {
  for (const name of ['receiver.sh', '.pgpass', 'state/base-wanted', 'state/base-failed']) {
    await rm(join(place, name), { force: true });
  }
}
