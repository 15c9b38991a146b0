import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ExitCode, UserError } from '../../errors.js';
import type { ProcessRunner } from '../../system/process.js';

/** The user that PostgreSQL runs as. Absent ids: our own user. */
export interface ServerUser {
  name: string;
  ids: { uid: number; gid: number } | Record<string, never>;
}

/**
 * Finds the user for PostgreSQL, which refuses to run as root: if we are root, `postgres`, otherwise
 * `nobody`.
 * @throws UserError EMBEDDED_NO_SERVER_USER (exit 3) if we are root and neither exists.
 */
export async function findServerUser(processes: ProcessRunner): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return { name: 'the current user', ids: {} };
  for (const name of ['postgres', 'nobody']) {
    const uid = await processes.run('id', ['-u', name], { allowFailure: true });
    const gid = await processes.run('id', ['-g', name], { allowFailure: true });
    if (uid.status === 0 && gid.status === 0) {
      return { name, ids: { uid: Number(uid.stdout), gid: Number(gid.stdout) } };
    }
  }
  throw new UserError({
    code: 'EMBEDDED_NO_SERVER_USER',
    message: 'root cannot run PostgreSQL, and there is neither a user `postgres` nor `nobody` to run it',
    hint: 'useradd --system postgres      (or run invctl as an ordinary user)',
    exitCode: ExitCode.engineUnavailable,
  });
}

/**
 * Checks that this user can enter every folder above one that invctl made for it.
 * @throws UserError EMBEDDED_STATE_UNREACHABLE (exit 4) with the folder that the user cannot enter.
 */
export function checkReachable(folder: string, user: ServerUser): void {
  const { uid, gid } = user.ids;
  if (uid === undefined) return;
  for (let path = dirname(folder); path !== dirname(path); path = dirname(path)) {
    const { mode, uid: owner, gid: group } = statSync(path);
    const searchable = owner === uid ? mode & 0o100 : group === gid ? mode & 0o010 : mode & 0o001;
    if (searchable) continue;
    throw new UserError({
      code: 'EMBEDDED_STATE_UNREACHABLE',
      message: `PostgreSQL runs as ${user.name} and cannot pass through ${path} to its data in ${folder}`,
      hint: 'unset INVCTL_STATE_DIR, or name a folder whose parents every user may pass through',
      exitCode: ExitCode.projectInvalid,
      file: path,
    });
  }
}
