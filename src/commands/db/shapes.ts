import type { Zod } from '../../output/shapes.js';

export const verificationLevel = (z: Zod) =>
  z.int().min(0).max(3).describe('0 SHA-256, 1 read whole, 2 restored and counted, 3 the same content');

export const manifest = (z: Zod) =>
  z
    .looseObject({ sha256: z.string(), bytes: z.int(), takenAt: z.string() })
    .describe('as beside the archive: backup-manifest.json');

/** For commands that report a backup. */
export const backupFile = (z: Zod) => z.string().describe('absolute path of the archive');

/** For commands that report a restored moment. */
export const broughtBack = (z: Zod) => z.string().nullable().describe('ISO time');
