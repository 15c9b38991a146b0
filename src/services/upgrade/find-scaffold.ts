import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ExitCode, UserError } from '../../errors.js';
import { STATE_FOLDER } from '../../system/state-folder.js';
import { readIfPresent } from '../../template/compare.js';
import { LOCK_PATH, parseLock, type ScaffoldLock } from '../../template/lock.js';
import type { ServiceContext } from '../context.js';

export interface Scaffold {
  /** Real path of the project. */
  root: string;
  lock: ScaffoldLock;
}

/**
 * The context's project, which must be a scaffold.
 * @throws UserError NO_PROJECT, NOT_A_SCAFFOLD, LOCK_INVALID (exit 4)
 */
export async function findScaffold(context: ServiceContext): Promise<Scaffold> {
  const { directory } = context.project();
  const file = join(directory, LOCK_PATH);
  const text = await readIfPresent(file);
  if (text) return { root: await realpath(directory), lock: parseLock(text.toString('utf8'), file) };
  throw new UserError({
    code: 'NOT_A_SCAFFOLD',
    message: `${directory} has no ${LOCK_PATH}: invctl did not make this project, and has no template to upgrade it by`,
    hint: 'it works as it is: invctl doctor      (a lock that got lost: git checkout -- .invctl)',
    exitCode: ExitCode.projectInvalid,
  });
}

/**
 * The context without its environment. A template belongs to the whole project, so the state of an upgrade is
 * stored with the project's lock.
 */
export function ofAllEnvironments(context: ServiceContext, root: string): ServiceContext {
  const location = { ...context.project(), stateFolder: join(root, STATE_FOLDER) };
  return { ...context, project: () => location };
}
