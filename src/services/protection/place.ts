import { chmod, chown, mkdir, readFile, rm, stat } from 'node:fs/promises';
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

/**
 * Whether the receiver runs the script of another version of invctl. False where there is none, or none that this
 * user can read.
 */
export async function hasOtherScript(place: string): Promise<boolean> {
  const script = await readFile(join(place, 'receiver.sh')).catch(() => undefined);
  return script !== undefined && !script.equals(await readFile(SCRIPT));
}

/** Writes the script anew, for the user who could read it before. The receiver takes it up when it is started again. */
export async function writeScript(place: string): Promise<void> {
  const file = join(place, 'receiver.sh');
  const { uid, gid } = await stat(file);
  await writeFileAtomic(file, await readFile(SCRIPT), 0o600);
  if (uid !== process.getuid?.()) await chown(file, uid, gid);
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
