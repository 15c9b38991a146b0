import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { openTrials } from '../../../engine/trials.js';
import { hasErrorCode, UserError } from '../../../errors.js';
import { writeFileAtomic } from '../../../system/files.js';
import { withProjectLock } from '../../../system/lock.js';
import type { ServiceContext } from '../../context.js';
import { backupToFile } from '../backup.js';
import { findDatabase } from '../database.js';
import { assertNothingLeft } from './left-volume.js';
import { upgradeStateSchema } from './state.js';

const volumesSchema = z.array(
  z.object({
    /** The engine's name. */
    name: z.string(),
    /** Of the server that it was for. */
    major: z.int(),
    /** ISO time of the upgrade. */
    since: z.string(),
    left: upgradeStateSchema.shape.left,
  }),
);

/** A volume that an upgrade left as it was. */
export type PreviousVolume = z.infer<typeof volumesSchema>[number];

/** Notes a volume that is to be kept until the upgrade is final. */
export async function keepVolume(directory: string, volume: PreviousVolume): Promise<void> {
  const others = (await readPreviousVolumes(directory)).filter(({ name }) => name !== volume.name);
  const file = recordFile(directory);
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomic(file, `${JSON.stringify([...others, volume], null, 2)}\n`);
}

async function readPreviousVolumes(directory: string): Promise<PreviousVolume[]> {
  try {
    return volumesSchema.parse(JSON.parse(await readFile(recordFile(directory), 'utf8')));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  }
}

export interface Finalized {
  /** Volumes that are gone. */
  removed: string[];
  /** The backup of the upgraded database that was taken before. */
  backup?: string;
}

/**
 * Removes the volumes that upgrades left, after a look into them and a backup of the database as it is now.
 *
 * @param input.confirm has the person's word for the loss; throws to stop.
 * @throws UserError NOTHING_TO_FINALIZE, and of {@link assertNothingLeft}
 */
export async function finalize(
  context: ServiceContext,
  input: { backup: boolean; confirm: (volumes: readonly PreviousVolume[]) => Promise<void> },
): Promise<Finalized> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(
    location.directory,
    { command: 'invctl db upgrade', signal: context.signal },
    async () => {
      const volumes = await readPreviousVolumes(location.directory);
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
      await rm(recordFile(location.directory));
      return { removed: volumes.map(({ name }) => name), ...(backup ? { backup: backup.file } : {}) };
    },
  );
}

function recordFile(directory: string): string {
  return join(directory, '.invctl', 'previous-volumes.json');
}
