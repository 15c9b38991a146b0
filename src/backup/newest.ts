import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { resolvePath } from '../project/paths.js';
import type { ProjectSettings } from '../project/settings-file.js';
import { manifestPath } from './manifest.js';

/** The fields of a manifest that decide whether the backup counts, and its time. */
const manifestSchema = z.object({
  bytes: z.int(),
  takenAt: z.iso.datetime(),
  verification: z.object({ level: z.int() }),
});

export interface NewestBackup {
  /** Absolute path of the archive. */
  file: string;
  bytes: number;
  /** ISO time. */
  takenAt: string;
  level: number;
  ageHours: number;
  /** Whether it is older than `backup.maxAgeHours` of invctl.yaml. */
  tooOld: boolean;
}

/** Returns the newest verified backup of a project; `status` and `doctor` use it. */
export async function newestBackup(
  directory: string,
  { backup }: Pick<ProjectSettings, 'backup'>,
): Promise<NewestBackup | undefined> {
  const folder = resolvePath(directory, backup.folder);
  const names = await readdir(folder).catch(() => [] as string[]);
  const known = new Set(names);
  const found = await Promise.all(
    names
      .filter((name) => known.has(manifestPath(name)))
      .map(async (name) => {
        const manifest = await readJson(join(folder, manifestPath(name)));
        return manifest && manifest.verification.level >= 1
          ? [{ ...manifest, file: join(folder, name) }]
          : [];
      }),
  );
  const [newest] = found.flat().sort((a, b) => b.takenAt.localeCompare(a.takenAt));
  if (!newest) return undefined;
  const { file, bytes, takenAt, verification } = newest;
  const ageHours = (Date.now() - Date.parse(takenAt)) / 3_600_000;
  return {
    file,
    bytes,
    takenAt,
    level: verification.level,
    ageHours,
    tooOld: ageHours > backup.maxAgeHours,
  };
}

/** Returns undefined for a file that is not a manifest or was removed in the meantime. */
async function readJson(file: string): Promise<z.infer<typeof manifestSchema> | undefined> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
}
