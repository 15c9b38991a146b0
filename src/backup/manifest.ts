import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { hasErrorCode } from '../errors.js';
import { databaseFactsSchema } from '../postgres/database-facts.js';
import { explainReadError } from '../system/files.js';

/**
 * Verification level of a backup. 0: its SHA-256 matches. 1: the whole archive was read. 2: it was restored
 * into a scratch database, with the same rows and objects and with working sequences. 3: the content of every
 * table is the same.
 */
export const LEVELS = [0, 1, 2, 3] as const;
export type Level = (typeof LEVELS)[number];

export const manifestSchema = databaseFactsSchema.extend({
  manifestVersion: z.literal(1),
  /** Ids sort by time. */
  id: z.string(),
  project: z.string(),
  /** `backupPlace`; absent: of the project itself, or of a time before this was written. */
  place: z.string().optional(),
  /** Name of the archive, in the same folder as the manifest. */
  file: z.string(),
  /** `custom`: for pg_restore. `plain`: SQL. `physical`: the server's data folder, for the same major version. */
  format: z.enum(['custom', 'plain', 'physical']),
  compression: z.enum(['zstd', 'gzip', 'none']),
  /** Absent: the archive is not encrypted. Recipients are public keys. */
  encryption: z.object({ format: z.literal('age'), recipients: z.array(z.string()) }).optional(),
  bytes: z.int(),
  /** Hex, of the archive as it is stored on disk. */
  sha256: z.string(),
  /** Time of the snapshot. */
  takenAt: z.iso.datetime(),
  seconds: z.number(),
  engine: z.enum(['docker', 'embedded']),
  image: z.object({ name: z.string(), digest: z.string().optional() }).nullable(),
  server: z.object({ version: z.string(), major: z.int() }),
  /** The program that wrote the archive. */
  archive: z.object({ program: z.string(), major: z.int() }),
  invctl: z.string(),
  verification: z.object({ level: z.int().min(0).max(3), at: z.iso.datetime() }),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** Path of an archive's manifest. */
export function manifestPath(file: string): string {
  return `${file}.manifest.json`;
}

/**
 * Reads the manifest of an archive; undefined if it has none, or if the file is not a manifest of invctl.
 * @throws UserError NOT_READABLE
 */
export async function readManifest(file: string): Promise<Manifest | undefined> {
  let text: string;
  try {
    text = await readFile(manifestPath(file), 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw explainReadError(error, manifestPath(file));
  }
  return parseManifest(text);
}

/** Returns undefined for a text that is not a manifest of invctl. */
export function parseManifest(text: string | undefined): Manifest | undefined {
  if (text === undefined) return undefined;
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
