import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { hasErrorCode } from '../../../errors.js';
import { writeFileAtomic } from '../../../system/files.js';
import type { StateOwner } from '../../../system/state-folder.js';
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
export async function keepVolume(owner: StateOwner, volume: PreviousVolume): Promise<void> {
  const others = (await readPreviousVolumes(owner)).filter(({ name }) => name !== volume.name);
  const file = recordFile(owner);
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomic(file, `${JSON.stringify([...others, volume], null, 2)}\n`);
}

/** The volumes that upgrades left. */
export async function readPreviousVolumes(owner: StateOwner): Promise<PreviousVolume[]> {
  try {
    return volumesSchema.parse(JSON.parse(await readFile(recordFile(owner), 'utf8')));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Forgets the volumes that upgrades left. */
export async function forgetPreviousVolumes(owner: StateOwner): Promise<void> {
  await rm(recordFile(owner));
}

function recordFile({ stateFolder }: StateOwner): string {
  return join(stateFolder, 'previous-volumes.json');
}
