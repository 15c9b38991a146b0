import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { hasErrorCode } from '../errors.js';
import { databaseFactsSchema } from '../postgres/database-facts.js';
import { explainReadError } from '../system/files.js';

/**
 * How far a backup was checked: 0 its SHA-256 · 1 the whole archive was read · 2 it was restored into a scratch
 * database, with the same rows, objects and working sequences · 3 the content of every table is the same.
 */
export const LEVELS = [0, 1, 2, 3] as const;
export type Level = (typeof LEVELS)[number];

export const manifestSchema = databaseFactsSchema.extend({
  manifestVersion: z.literal(1),
  /** Sorts by time. */
  id: z.string(),
  project: z.string(),
  /** Name of the archive, beside this manifest. */
  file: z.string(),
  /** `custom`: for pg_restore. `plain`: SQL. `physical`: the server's data folder, for the same major version. */
  format: z.enum(['custom', 'plain', 'physical']),
  compression: z.enum(['zstd', 'gzip', 'none']),
  /** Absent: it is not encrypted. Recipients are public keys. */
  encryption: z.object({ format: z.literal('age'), recipients: z.array(z.string()) }).optional(),
  bytes: z.int(),
  /** Hex, of the archive as it lies on disk. */
  sha256: z.string(),
  /** Time of the snapshot. */
  takenAt: z.iso.datetime(),
  seconds: z.number(),
  engine: z.enum(['docker', 'embedded']),
  image: z.object({ name: z.string(), digest: z.string().optional() }).nullable(),
  server: z.object({ version: z.string(), major: z.int() }),
  /** Of the program that wrote the archive. */
  archive: z.object({ program: z.string(), major: z.int() }),
  invctl: z.string(),
  verification: z.object({ level: z.int().min(0).max(3), at: z.iso.datetime() }),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** Where the manifest of an archive lies. */
export function manifestPath(file: string): string {
  return `${file}.manifest.json`;
}

/**
 * The manifest of an archive; undefined where it has none, or one that is none of ours.
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

/** Undefined for what is no manifest of ours. */
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
