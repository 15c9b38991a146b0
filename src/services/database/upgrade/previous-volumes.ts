import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { hasErrorCode } from '../../../errors.js';
import { writeFileAtomic } from '../../../system/files.js';
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

/** The volumes that upgrades left. */
export async function readPreviousVolumes(directory: string): Promise<PreviousVolume[]> {
  try {
    return volumesSchema.parse(JSON.parse(await readFile(recordFile(directory), 'utf8')));
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Forgets the volumes that upgrades left. */
export async function forgetPreviousVolumes(directory: string): Promise<void> {
  await rm(recordFile(directory));
}

function recordFile(directory: string): string {
  return join(directory, '.invctl', 'previous-volumes.json');
}
