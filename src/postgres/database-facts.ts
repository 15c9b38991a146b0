import { z } from 'zod';

const tableSchema = z.object({
  /** With its schema, quoted if necessary. */
  name: z.string(),
  rows: z.int(),
  /**
   * Hash of the rows, independent of their order (see content-hash.ts); only in a backup that was made with
   * level 3.
   */
  contentHash: z.string().optional(),
});

const sequenceSchema = z.object({
  name: z.string(),
  /** Decimal; null if it was never used. */
  lastValue: z.string().nullable(),
});

const settingSchema = z.object({
  /** Null: for every role. */
  role: z.string().nullable(),
  name: z.string(),
  /** Null if the name or the form of the value suggests a secret: the value is then not stored. */
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
  /** Locale of a provider other than libc. */
  locale: z.string().nullable(),
  /** Version of the operating system's or ICU's collations when the cluster was made. */
  collationVersion: z.string().nullable(),
  /** The value of `pg_database.datacl`; null: the defaults. */
  acl: z.array(z.string()).nullable(),
  settings: z.array(settingSchema),
  /** The next six fields are absent in a backup of an earlier invctl. Null: none. */
  comment: z.string().nullable().optional(),
  /** -1: no limit. */
  connectionLimit: z.int().optional(),
  isTemplate: z.boolean().optional(),
  tablespace: z.string().optional(),
  /** Rules of the ICU provider. */
  icuRules: z.string().nullable().optional(),
  securityLabels: z.array(z.object({ provider: z.string(), label: z.string() })).optional(),
});

/**
 * Kinds of objects that do not work fully. `index`: invalid, and not in a dump. `partitioned index`: some
 * partitions of its table have no index. `materialized view`: without content. `foreign key`: its triggers
 * are switched off, which a dump does not record. The other kinds are disabled.
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

/** The number of objects of each kind that a restore makes. */
const objectsSchema = z.object({
  indexes: z.int(),
  constraints: z.int(),
  triggers: z.int(),
  functions: z.int(),
  views: z.int(),
  /** Constraints that were declared NOT VALID and never validated. */
  notValidated: z.array(z.string()),
  /**
   * Objects that exist but do not work fully, by kind and name. Absent in a backup of an earlier invctl,
   * which also counted objects that are not in a dump.
   */
  notWhole: z.array(z.object({ kind: z.enum(NOT_WHOLE_KINDS), name: z.string() })).optional(),
});

const roleSchema = z.object({
  name: z.string(),
  superuser: z.boolean(),
  login: z.boolean(),
});

const largeObjectsSchema = z.object({
  count: z.int(),
  /** Of their content; only in a backup that was made with level 3, by a user who may read them all. */
  contentHash: z.string().optional(),
});

/** Facts of the database at the moment of its snapshot. */
export const databaseFactsSchema = z.object({
  database: databaseSchema,
  tables: z.array(tableSchema),
  sequences: z.array(sequenceSchema),
  /** Absent in a backup of an earlier invctl. */
  largeObjects: largeObjectsSchema.optional(),
  objects: objectsSchema,
  extensions: z.array(z.object({ name: z.string(), version: z.string() })),
  /** Roles that own something in the database or have a privilege on something in it. No passwords. */
  roles: z.array(roleSchema),
  /** Applied migrations of the app, if it has a `schema_migrations` table. */
  migrations: z.object({ version: z.string(), applied: z.int() }).nullable(),
});

export type DatabaseFacts = z.infer<typeof databaseFactsSchema>;
