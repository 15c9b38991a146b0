import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { hasErrorCode } from '../../errors.js';
import { MANIFEST_SUFFIX } from '../../project/newest-backup.js';
import { explainReadError } from '../../system/files.js';

/**
 * How far a backup was checked: 0 its SHA-256 · 1 the whole archive was read · 2 it was restored into a scratch
 * database, with the same rows, objects and working sequences · 3 the content of every table is the same.
 */
export const LEVELS = [0, 1, 2, 3] as const;
export type Level = (typeof LEVELS)[number];

const tableSchema = z.object({
  /** Quoted where it must be, with its schema. */
  name: z.string(),
  rows: z.int(),
  /** Hash of the rows whatever their order (see content-hash.ts); only in a backup that was made with level 3. */
  contentHash: z.string().optional(),
});

const sequenceSchema = z.object({
  name: z.string(),
  /** Decimal; null where it was never used. */
  lastValue: z.string().nullable(),
});

const settingSchema = z.object({
  /** Null: for every role. */
  role: z.string().nullable(),
  name: z.string(),
  /** Null where it may be a secret, by its name or its form: its value is not kept. */
  value: z.string().nullable(),
});

const databaseSchema = z.object({
  name: z.string(),
  owner: z.string(),
  bytes: z.int(),
  encoding: z.string(),
  localeProvider: z.string(),
  collate: z.string(),
  ctype: z.string(),
  /** Of a provider other than libc. */
  locale: z.string().nullable(),
  /** Of the operating system's or ICU's collations when the cluster was made. */
  collationVersion: z.string().nullable(),
  /** As `pg_database.datacl`; null: the defaults. */
  acl: z.array(z.string()).nullable(),
  settings: z.array(settingSchema),
  /** The six that follow are absent in a backup of an earlier invctl. Null: none. */
  comment: z.string().nullable().optional(),
  /** -1: none. */
  connectionLimit: z.int().optional(),
  isTemplate: z.boolean().optional(),
  tablespace: z.string().optional(),
  /** Of the ICU provider. */
  icuRules: z.string().nullable().optional(),
  securityLabels: z.array(z.object({ provider: z.string(), label: z.string() })).optional(),
});

/**
 * `index`: invalid, and in no dump. `partitioned index`: of a table some of whose partitions have none. `materialized
 * view`: without content. `foreign key`: its triggers are switched off, which no dump tells. The others are disabled.
 */
export const NOT_WHOLE_KINDS = [
  'index',
  'partitioned index',
  'materialized view',
  'foreign key',
  'trigger',
  'event trigger',
  'rule',
] as const;
export type NotWholeKind = (typeof NOT_WHOLE_KINDS)[number];

/** How many of each a restore makes. */
const objectsSchema = z.object({
  indexes: z.int(),
  constraints: z.int(),
  triggers: z.int(),
  functions: z.int(),
  views: z.int(),
  /** Constraints that were declared NOT VALID and never validated. */
  notValidated: z.array(z.string()),
  /**
   * What is there and does not do its work, by its kind and name. Absent in a backup of an earlier invctl, which counted
   * what no dump carries as well.
   */
  notWhole: z.array(z.object({ kind: z.enum(NOT_WHOLE_KINDS), name: z.string() })).optional(),
});

const roleSchema = z.object({
  name: z.string(),
  superuser: z.boolean(),
  login: z.boolean(),
});

/** What the database was at the moment of its snapshot. */
const factsSchema = z.object({
  database: databaseSchema,
  tables: z.array(tableSchema),
  sequences: z.array(sequenceSchema),
  objects: objectsSchema,
  extensions: z.array(z.object({ name: z.string(), version: z.string() })),
  /** Roles that own something in the database or were granted something. No passwords. */
  roles: z.array(roleSchema),
  /** Applied migrations of the app, where it has a `schema_migrations` table. */
  migrations: z.object({ version: z.string(), applied: z.int() }).nullable(),
});

export const manifestSchema = factsSchema.extend({
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

export type Facts = z.infer<typeof factsSchema>;
export type Manifest = z.infer<typeof manifestSchema>;

/** Where the manifest of an archive lies. */
export function manifestPath(file: string): string {
  return `${file}${MANIFEST_SUFFIX}`;
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
    if (hasErrorCode(error, 'ENOENT')) return undefined;
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
