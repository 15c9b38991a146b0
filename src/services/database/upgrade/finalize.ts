import { openTrials } from '../../../engine/open-trials.js';
import { UserError } from '../../../errors.js';
import { findDatabase } from '../../../postgres/database.js';
import { withProjectLock } from '../../../system/lock.js';
import type { ServiceContext } from '../../context.js';
import { backupToFile } from '../backup.js';
import { assertNothingLeft } from './left-volume.js';
import { forgetPreviousVolumes, type PreviousVolume, readPreviousVolumes } from './previous-volumes.js';

export interface Finalized {
  /** Volumes that were removed. */
  removed: string[];
  /** The backup of the upgraded database that was taken first. */
  backup?: string;
}

/**
 * Removes the volumes that upgrades kept, after a check of their content and a backup of the database as it
 * is now.
 *
 * @param input.confirm asks the person to accept the loss; throws to stop.
 * @throws UserError NOTHING_TO_FINALIZE, and of {@link assertNothingLeft}
 */
export async function finalize(
  context: ServiceContext,
  input: { backup: boolean; confirm: (volumes: readonly PreviousVolume[]) => Promise<void> },
): Promise<Finalized> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location, { command: 'invctl db upgrade', signal: context.signal }, async () => {
    const volumes = await readPreviousVolumes(location);
    if (volumes.length === 0) {
      throw new UserError({
        code: 'NOTHING_TO_FINALIZE',
        message: 'no upgrade left a volume behind',
        hint: 'invctl volume ls',
      });
    }
    const database = await findDatabase(engine, location);
    for (const volume of volumes) await assertNothingLeft(context, database, volume);
    await input.confirm(volumes);
    const backup = input.backup ? await backupToFile(context, database, { level: 1 }) : undefined;
    const trials = await openTrials(engine, context);
    for (const { name } of volumes) await trials.removeVolume(location, name);
    await forgetPreviousVolumes(location);
    return { removed: volumes.map(({ name }) => name), ...(backup ? { backup: backup.file } : {}) };
  });
}
