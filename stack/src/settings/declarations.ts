import { z } from 'zod';
import { isTimeZone, timeZone } from '../fields.js';
import { type Network, parseNetwork } from '../webhooks/addresses.js';

/** The JWT key that `.env.example` carries, so that a copy of it cannot go into service. */
const PLACEHOLDER_JWT_KEY = 'your-super-secret-jwt-key-change-in-production';

/** What the API is told. Types of their own, so that a module which reads one does not have the compiler work out all schemas. */
export interface Settings {
  readonly databasePassword: string;
  readonly databaseHost: string;
  readonly databaseName: string;
  readonly databaseUser: string;
  readonly databasePort: number;
  readonly databasePoolSize: number;
  readonly environment: string;
  readonly jwtKey: string;
  readonly adminUsername: string;
  readonly adminPassword: string | undefined;
  readonly inventoryFile: string;
  readonly host: string;
  readonly port: number;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  readonly rateLimit: number;
  readonly loginRateLimit: number;
  readonly trustedProxies: readonly string[];
  readonly timeZone: string;
  readonly corsOrigins: readonly string[];
  readonly webhooks: 'on' | 'off';
  readonly webhookNetworks: readonly Network[];
}

/** One setting: the names under which its value is looked for, what it must look like, and whether it may be shown. */
export interface Declaration<Value = unknown> {
  readonly aliases: readonly [string, ...string[]];
  readonly schema: z.ZodType<Value, string | undefined>;
  readonly secret?: true;
}

const integer = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(minimum, `must be at least ${minimum}`).max(maximum, `must be at most ${maximum}`));

const text = z.string().min(1, 'must not be empty');

/** Entries of a list that is separated by commas. */
const entriesOf = (list: string) =>
  list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** An origin as browsers send it: no path, no slash at its end, no port that is usual. */
const isOrigin = (text: string) =>
  /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text;

/** Where each setting comes from: names, what its value must look like, default and secrecy. */
export const DECLARATIONS: { readonly [Name in keyof Settings]: Declaration<Settings[Name]> } = {
  databasePassword: { aliases: ['POSTGRESQL_PWD', 'db_password'], schema: text, secret: true },
  databaseHost: { aliases: ['DATABASE_HOST', 'DB_HOST'], schema: text.default('localhost') },
  databaseName: { aliases: ['DATABASE_NAME', 'POSTGRES_DB'], schema: text.default('inventory_manager') },
  databaseUser: { aliases: ['DATABASE_USER', 'POSTGRES_USER'], schema: text.default('postgres') },
  databasePort: { aliases: ['DATABASE_PORT', 'DB_PORT'], schema: integer(1, 65_535).default(5432) },
  databasePoolSize: { aliases: ['DATABASE_POOL_SIZE'], schema: integer(2, 200).default(10) },
  environment: { aliases: ['ENVIRONMENT'], schema: text.default('development') },
  jwtKey: {
    aliases: ['JWT_SECRET_KEY'],
    schema: z
      .string()
      .refine((key) => key !== PLACEHOLDER_JWT_KEY, 'is the placeholder of .env.example: generate a key')
      .refine((key) => Buffer.byteLength(key) >= 32, 'must have at least 32 bytes'),
    secret: true,
  },
  adminUsername: {
    aliases: ['ADMIN_USERNAME'],
    schema: z
      .string()
      .regex(/^[A-Za-z0-9._@-]{1,64}$/, 'must be 1 to 64 of letters, digits and . _ @ -')
      .default('admin'),
  },
  adminPassword: {
    aliases: ['ADMIN_PASSWORD'],
    schema: z.string().min(12, 'must have at least 12 characters').max(256).optional(),
    secret: true,
  },
  inventoryFile: { aliases: ['INVENTORY_CSV_FILEPATH'], schema: text.default('data/new_inventory.csv') },
  host: { aliases: ['HOST'], schema: text.default('0.0.0.0') },
  port: { aliases: ['PORT'], schema: integer(0, 65_535).default(5003) },
  logLevel: {
    aliases: ['LOG_LEVEL'],
    schema: z
      .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
        error: 'must be fatal, error, warn, info, debug, trace or silent',
      })
      .default('info'),
  },
  rateLimit: { aliases: ['RATE_LIMIT_PER_MINUTE'], schema: integer(1, 100_000_000).default(6000) },
  loginRateLimit: { aliases: ['LOGIN_RATE_LIMIT_PER_MINUTE'], schema: integer(1, 1_000_000).default(10) },
  trustedProxies: {
    aliases: ['TRUSTED_PROXIES'],
    schema: z
      .string()
      .regex(/^[0-9A-Fa-f.:/, ]*$/, 'must be addresses or CIDR ranges, separated by commas')
      .default('')
      .transform(entriesOf),
  },
  timeZone: {
    aliases: ['TIME_ZONE'],
    schema: z
      .string()
      .refine(
        (name) => timeZone.safeParse(name).success && isTimeZone(name),
        'must be a time zone such as Europe/Berlin',
      )
      .default('UTC'),
  },
  corsOrigins: {
    aliases: ['CORS_ORIGINS'],
    schema: z
      .string()
      .default('')
      .transform(entriesOf)
      .refine(
        (origins) => origins.every((origin) => origin === '*' || isOrigin(origin)),
        'must be origins such as https://shop.example.com, separated by commas, or *',
      ),
  },
  webhooks: {
    aliases: ['WEBHOOKS'],
    schema: z.enum(['on', 'off'], { error: 'must be on or off' }).default('on'),
  },
  webhookNetworks: {
    aliases: ['WEBHOOK_ALLOWED_NETWORKS'],
    schema: z
      .string()
      .default('')
      .transform((list, context): Network[] => {
        try {
          return entriesOf(list).map(parseNetwork);
        } catch {
          context.addIssue({
            code: 'custom',
            message: 'must be addresses or CIDR ranges, separated by commas',
          });
          return z.NEVER;
        }
      }),
  },
};

export type SettingName = keyof Settings;
