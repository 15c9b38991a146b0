import { z } from 'zod';

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
export const databaseFactsSchema = z.object({
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

export type DatabaseFacts = z.infer<typeof databaseFactsSchema>;
