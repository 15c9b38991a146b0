import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hasErrorCode } from '../errors.js';
import { HEALTH_LIMITS } from './health-limits.js';
import type { ProjectLocation } from './locate.js';
import { invalidSettings, parseSettings } from './settings-document.js';
import { SETTINGS_FILE } from './settings-path.js';
import { problemsOf } from './settings-problems.js';

const positive = z.int().min(0);

/**
 * Number of backups that `db prune` keeps: the newest of each of the last days, weeks and months that have
 * one.
 */
const keepSchema = z.strictObject({
  daily: positive.default(7),
  weekly: positive.default(4),
  monthly: positive.default(6),
});

/** An X25519 recipient of age: https://age-encryption.org/v1#the-x25519-recipient-type */
const recipientSchema = z.string().regex(/^age1[ac-hj-np-z02-9]{58}$/, {
  error: ({ input }) =>
    /^AGE-SECRET-KEY-/i.test(String(input))
      ? 'this is a private key, which opens the backups: keep it on another machine, and put its recipient here (age-keygen -y key.txt prints it)'
      : 'not an age recipient, such as `age-keygen -y key.txt` prints: age1…',
});

/** Without credentials: they come from the places that the AWS tools use. */
const bucketSchema = z.strictObject({
  bucket: z.string().min(1),
  /** Prefix of each name, like a folder. */
  prefix: z.string().min(1).optional(),
  /** Endpoint of a server other than Amazon's: `https://minio.example:9000`. */
  endpoint: z
    .url({ protocol: /^https?$/, error: 'not a URL such as https://minio.example:9000' })
    .refine((text) => !text.includes('@'), 'credentials belong in the environment')
    .optional(),
  region: z.string().min(1).optional(),
});

const folderSchema = z
  .string()
  .min(1)
  .refine(
    (text) => !/^[a-z][a-z0-9+.-]*:\/\//i.test(text),
    'a URL is not a folder; a bucket is written {bucket: shop-backups, prefix: daily}',
  );

const backupSchema = z.strictObject({
  /** Relative to the project's folder, or below `~/`. */
  folder: z.string().min(1).default('backups'),
  keep: keepSchema.prefault({}),
  /** Age in hours from which `status` and `doctor` report the newest verified backup as too old. */
  maxAgeHours: z.number().positive().default(26),
  /** Place for a copy of every backup: a folder, as above, or a bucket. */
  copyTo: z
    .union([folderSchema, bucketSchema], {
      error: 'neither a folder nor {bucket, prefix, endpoint, region}; credentials belong in the environment',
    })
    .optional(),
  /** Public keys of age with which every backup is encrypted. */
  encryptTo: z
    .array(recipientSchema, { error: 'not a list of recipients, such as [age1…]' })
    .min(1)
    .optional(),
  /** File with the age identities that decrypt backups, for `verify` and `restore`; a path as above. */
  identity: z.string().min(1).optional(),
});

const doctorSchema = z.strictObject({
  /** Silenced checks, each with the reason, which `doctor` prints. */
  ignore: z.array(z.strictObject({ id: z.string(), reason: z.string().trim().min(1) })).default([]),
  /** Limits above which something in the database takes too long; also for `db inspect`. */
  limits: z
    .strictObject({
      transactionMinutes: z.number().min(0).default(HEALTH_LIMITS.transactionMinutes),
      waitSeconds: z.number().min(0).default(HEALTH_LIMITS.waitSeconds),
    })
    .prefault({}),
});

/** The command that provides a secret, so that nobody has to type it. */
const providerSchema = z.strictObject({
  /** Program and arguments, run in the project's folder without a shell; its output is the value. */
  command: z.tuple([z.string().min(1)], z.string()),
});

/** Compose's rule for a project's name, which ends with the environment's name. */
export const ENVIRONMENT_NAME = /^[a-z0-9][a-z0-9_-]*$/;

const path = z.string().min(1);

/**
 * Settings that differ in one environment of the project, in Compose's own terms. Paths are relative to
 * invctl.yaml.
 */
const environmentSchema = z
  .strictObject({
    /** In merge order, as with `docker compose -f`. Default: the files that Compose finds by itself. */
    files: z
      .array(path, { error: 'not a list of files, such as [compose.yaml, compose.production.yaml]' })
      .min(1)
      .optional(),
    /** Replaces `.env`, as with `docker compose --env-file`; a later file overrides an earlier one. */
    envFile: z
      .union([path, z.array(path).min(1)], { error: 'neither a file nor a list of files' })
      .optional(),
    /** Default: the project's name and the environment's, joined by a hyphen. */
    project: z
      .string()
      .regex(
        ENVIRONMENT_NAME,
        'not a project name: lower-case letters, digits, - and _, a letter or digit first',
      )
      .optional(),
    /** A context of `docker context ls`: the engine that it runs on. Default: the client's own. */
    context: z.string().min(1).optional(),
    /** Address of that engine instead of a context, `ssh://user@host[:port]`. */
    host: z
      .string()
      .regex(/^ssh:\/\/./, 'not an address of the form ssh://user@host[:port]')
      .optional(),
    /** True: commands that lose data in it need `--confirm`. */
    protected: z.boolean().default(false),
  })
  .refine(({ context, host }) => context === undefined || host === undefined, {
    error: 'context and host both say where it lives: one of them has to go',
    path: ['host'],
  });

const settingsSchema = z.strictObject({
  /** The command line reads and checks it before any command. */
  engine: z.unknown().optional(),
  services: z.strictObject({ database: z.string().optional(), app: z.string().optional() }).prefault({}),
  backup: backupSchema.prefault({}),
  doctor: doctorSchema.prefault({}),
  /** By the secret's name in the compose file. */
  secrets: z.record(z.string(), providerSchema).default({}),
  environments: z
    .record(z.string().regex(ENVIRONMENT_NAME), environmentSchema, {
      error: ({ code }) =>
        code === 'invalid_key'
          ? 'not a name for an environment: lower-case letters, digits, - and _, a letter or digit first'
          : undefined,
    })
    .default({}),
});

export type ProjectSettings = z.infer<typeof settingsSchema>;
export type EnvironmentSettings = z.infer<typeof environmentSchema>;
export type BucketSettings = z.infer<typeof bucketSchema>;
export type SecretProvider = z.infer<typeof providerSchema>;
export type RetentionPolicy = z.infer<typeof keepSchema>;

/**
 * Reads `invctl.yaml` of a project; without one, the defaults. Backups of an environment, and of a project on
 * another machine, have a subfolder of their own.
 * @throws UserError CONFIG_INVALID (exit 4) with the file, and the line or the key.
 */
export async function readSettings(
  location: Pick<ProjectLocation, 'directory' | 'environment' | 'host'>,
): Promise<ProjectSettings> {
  const settings = await readFileOf(location.directory);
  const { backup } = settings;
  const place = backupPlace(location);
  if (place === undefined) return settings;
  return { ...settings, backup: { ...backup, folder: join(backup.folder, place) } };
}

/**
 * Which of the project's databases a backup is of: the environment, and the other machine or cluster. Undefined
 * for the project itself on this machine. It is a path relative to the folder of the backups.
 */
export function backupPlace({
  environment,
  host,
}: Pick<ProjectLocation, 'environment' | 'host'>): string | undefined {
  const parts = [environment?.name, ...(host?.stateName === undefined ? [] : ['hosts', host.stateName])];
  const named = parts.filter((part) => part !== undefined);
  return named.length === 0 ? undefined : named.join('/');
}

async function readFileOf(directory: string): Promise<ProjectSettings> {
  const file = join(directory, SETTINGS_FILE);
  const text = await readFile(file, 'utf8').catch((error) => {
    if (hasErrorCode(error, 'ENOENT')) return '';
    throw error;
  });
  const document = parseSettings(text, file);
  const result = settingsSchema.safeParse(document.value, { error: typeMismatch });
  if (result.success) return result.data;
  const problems = problemsOf(result.error, settingsSchema).map(({ path, message }) => ({
    line: document.lineOf(path),
    message: `${path.join('.') || 'the file'}: ${message}`,
  }));
  const [first] = problems;
  const message = problems.map((problem) =>
    problem.line === first?.line ? problem.message : `${problem.message} (line ${problem.line})`,
  );
  throw invalidSettings(file, message.join('\n'), first?.line);
}

/** Describes a value of the wrong type in YAML's terms. */
function typeMismatch(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.input === undefined) return 'is missing';
  const kinds: Record<string, string> = { object: 'keys with values', array: 'a list', string: 'a text' };
  return `${kinds[issue.expected] ?? `a ${issue.expected}`} should be here`;
}
