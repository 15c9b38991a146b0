import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { hasErrorCode } from '../../../errors.js';
import { writeFileAtomic } from '../../../system/files.js';
import type { StateOwner } from '../../../system/state-folder.js';
import { upgradeStateSchema } from './state.js';

const volumesSchema = z.array(
  z.object({
    /** The engine's name of the volume. */
    name: z.string(),
    /** Major version of the server that used it. */
    major: z.int(),
    /** ISO time of the upgrade. */
    since: z.string(),
    left: upgradeStateSchema.shape.left,
  }),
);

/** A volume that an upgrade kept unchanged. */
export type PreviousVolume = z.infer<typeof volumesSchema>[number];

/** Records a volume that is kept until the upgrade is final. */
export async function keepVolume(owner: StateOwner, volume: PreviousVolume): Promise<void> {
  const others = (await readPreviousVolumes(owner)).filter(({ name }) => name !== volume.name);
  const file = recordFile(owner);
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomic(file, `${JSON.stringify([...others, volume], null, 2)}\n`);
}

/** The recorded volumes that upgrades kept. */
export async function readPreviousVolumes(owner: StateOwner): Promise<PreviousVolume[]> {
  try {
    return volumesSchema.parse(JSON.parse(await readFile(recordFile(owner), 'utf8')));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Removes the record of the volumes that upgrades kept. */
export async function forgetPreviousVolumes(owner: StateOwner): Promise<void> {
  await rm(recordFile(owner));
}

function recordFile({ stateFolder }: StateOwner): string {
  return join(stateFolder, 'previous-volumes.json');
}
