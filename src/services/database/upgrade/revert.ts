import { readFile, rmdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { removeBackup } from '../../../backup/backup-folder.js';
import { openTrials } from '../../../engine/open-trials.js';
import { ExitCode, hasErrorCode, UserError } from '../../../errors.js';
import { startAgain } from '../../../postgres/clients.js';
import type { Database } from '../../../postgres/database.js';
import { applyEdits, inverse } from '../../../project/compose-text.js';
import { writeFileAtomic } from '../../../system/files.js';
import type { ServiceContext } from '../../context.js';
import { protectOldServer } from './protection.js';
import type { FileEdit, UpgradeState } from './state.js';

const START_TIMEOUT_MS = 300_000;

/**
 * Reverts an upgrade, whatever step it reached: the compose file, the services, and the new volume with
 * everything that was tried on it. It cannot be interrupted.
 *
 * @throws UserError NOT_HEALTHY (exit 6) and what the engine throws.
 */
export async function revertUpgrade(
  context: ServiceContext,
  { engine, ...database }: Database,
  state: UpgradeState,
): Promise<void> {
  const trials = await openTrials(engine, context);
  const live = { ...database, engine: trials.engine };
  await trials.remove(live.location, state.trial);
  const switched = await restoreComposeFile(state);
  if (state.receiver) await restoreComposeFile(state.receiver);
  if (switched) await startOn(live, state);
  else if (!state.rehearse) await startAgain(live, state.services);
  await protectOldServer(live, state);
  if (state.opened !== undefined) {
    context.warn(
      `the services ran on PostgreSQL ${state.to} from ${state.opened} on: what they wrote there since is gone with its volume`,
    );
  }
  await trials.removeVolume(live.location, state.volume.after);
  if (state.rehearse && state.backup !== undefined) {
    await removeBackup(state.backup);
    await rmdir(dirname(state.backup)).catch((error) => {
      // The folder holds other backups.
      if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    });
  }
}

/** @returns whether the file had the new text. */
async function restoreComposeFile({ file, edits }: FileEdit): Promise<boolean> {
  const [text, { mode }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
  const before = applyEdits(text, inverse(edits));
  if (before === undefined) return false;
  await writeFileAtomic(file, before, mode & 0o777);
  return true;
}

/** The containers may be those of the new file, so starting them is not enough. */
async function startOn({ engine, location }: Database, { services }: UpgradeState): Promise<void> {
  const { failed } = await engine.up(
    location,
    { services, wait: true, timeoutMs: START_TIMEOUT_MS },
    () => {},
  );
  if (failed.length === 0) return;
  throw new UserError({
    code: 'NOT_HEALTHY',
    message: `${failed.map(({ service }) => service).join(', ')} did not become healthy on the old server`,
    hint: 'invctl doctor',
    exitCode: ExitCode.unhealthy,
  });
}
