import { z } from 'zod';
import { usageError } from '../errors.js';
import { normalizeName } from '../project/locate.js';

export const POSTGRES_MAJORS = [15, 16, 17, 18] as const;
export const NODE_MAJORS = [20, 22, 24] as const;

const NAME_LIMIT = 63;
const NAME_RULE =
  'lower-case letters and digits, joined by one _, by __ or by any number of -, at most 63 characters';
const IDENTIFIER_RULE = 'lower-case letters, digits and _, not starting with a digit, at most 63 characters';

/**
 * Compose's own rule is `^[a-z0-9][a-z0-9_-]*$`. The name is also part of an image's name, which allows fewer
 * separators (https://pkg.go.dev/github.com/distribution/reference).
 */
const NAME = /^(?=.{1,63}$)[a-z0-9]+(?:(?:__?|-+)[a-z0-9]+)*$/;
/** A name that PostgreSQL accepts without quotes. It would cut longer ones (NAMEDATALEN). */
const IDENTIFIER = /^[a-z_][a-z0-9_]{0,62}$/;

const databaseName = z
  .string()
  .regex(IDENTIFIER, IDENTIFIER_RULE)
  .refine(
    (name) => !/^template[01]$/.test(name),
    'not template0 or template1, which PostgreSQL keeps for itself',
  );
const databaseUser = z
  .string()
  .regex(IDENTIFIER, IDENTIFIER_RULE)
  .refine(
    (name) => !/^(pg_.*|public|none)$/.test(name),
    'not public, none or pg_…, which PostgreSQL reserves',
  );

/** Options of a scaffold. Field names are those of `.invctl/lock.json`. */
export const scaffoldOptions = z.strictObject({
  /** The Compose project's name. */
  name: z.string().regex(NAME, NAME_RULE),
  /** Port of this machine, on loopback. */
  port: z.int('a whole number from 1 to 65535').min(1, 'at least 1').max(65_535, 'at most 65535'),
  postgres: z.literal(POSTGRES_MAJORS, `one of ${POSTGRES_MAJORS.join(', ')}`),
  node: z.literal(NODE_MAJORS, `one of ${NODE_MAJORS.join(', ')}`),
  dbName: databaseName,
  dbUser: databaseUser,
});

export type ScaffoldOptions = z.infer<typeof scaffoldOptions>;

/** Defaults of all options but the name, which comes from the folder. */
export const DEFAULT_OPTIONS = {
  port: 5003,
  postgres: 16,
  node: 24,
  dbName: 'inventory_manager',
  dbUser: 'postgres',
} as const satisfies Omit<ScaffoldOptions, 'name'>;

const FLAGS: Record<keyof ScaffoldOptions, string> = {
  name: '--name',
  port: '--port',
  postgres: '--postgres',
  node: '--node',
  dbName: '--db-name',
  dbUser: '--db-user',
};

/**
 * Parses one option as typed.
 * @throws UserError USAGE (exit 2); for a name with the nearest valid one.
 */
export function parseOption<Key extends keyof ScaffoldOptions>(key: Key, text: string): ScaffoldOptions[Key] {
  const isNumber = key === 'port' || key === 'postgres' || key === 'node';
  const parsed = scaffoldOptions.shape[key].safeParse(
    isNumber ? (/^\d+$/.test(text) ? Number(text) : text) : text,
  );
  if (parsed.success) return parsed.data as ScaffoldOptions[Key];
  const suggestion = key === 'name' ? projectNameFrom(text) : '';
  throw usageError(
    `${FLAGS[key]} "${text}" is not accepted: ${parsed.error.issues[0]?.message}`,
    suggestion ? `${FLAGS[key]} ${suggestion}` : 'invctl init --help',
  );
}

/**
 * Returns the project name nearest to a text, such as a folder's name. Empty if none of its characters is
 * valid.
 */
export function projectNameFrom(text: string): string {
  return normalizeName(text)
    .replace(/[_-]{2,}/g, (run) => (/^(__|-+)$/.test(run) ? run : '-'))
    .slice(0, NAME_LIMIT)
    .replace(/[_-]+$/, '');
}

/** Values for the `{{name}}` placeholders of a template. */
export function templateVariables(options: ScaffoldOptions): Record<string, string> {
  return {
    name: options.name,
    port: String(options.port),
    postgres: String(options.postgres),
    node: String(options.node),
    dbName: options.dbName,
    dbUser: options.dbUser,
    // From 18 on the image keeps its data in one folder per major below this one, and refuses the old mount
    // point. https://github.com/docker-library/postgres/pull/1259
    dataPath: options.postgres >= 18 ? '/var/lib/postgresql' : '/var/lib/postgresql/data',
  };
}
