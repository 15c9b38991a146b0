import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import pg from 'pg';
import { inject } from 'vitest';
import { type AppOptions, build } from '../src/app.js';
import { hashPassword } from '../src/auth/passwords.js';
import { MIGRATIONS_FOLDER, readMigrations } from '../src/database/migrate.js';
import { SYSTEM } from '../src/repositories/audit.js';
import type { Role } from '../src/repositories/users.js';
import { loadSettings } from '../src/settings/load.js';
import { contractOf } from './contract.js';

export const JWT_KEY = 'a key for tests that is long enough';
export const PASSWORD = 'correct horse battery staple';

/** A database of its own, as environment variables of the API. */
export interface TestDatabase {
  readonly env: Record<string, string>;
  /** A connection as superuser, for a look behind the API. */
  readonly client: pg.Client;
  /** Takes the database away from everybody but `client`, or gives it back. */
  setReachable(reachable: boolean): Promise<void>;
  /** Waits until at least so many connections to the database wait for a lock. */
  untilBlocked(count: number): Promise<void>;
  drop(): Promise<void>;
}

/** @param migrated whether it is a copy of the migrated template, or empty. */
export async function createDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const serverUrl = inject('serverUrl');
  const name = `inventory_${randomUUID().replaceAll('-', '')}`;
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();
  await server.query(`CREATE DATABASE ${name}${migrated ? ` TEMPLATE ${inject('template')}` : ''}`);
  const url = new URL(serverUrl);
  url.pathname = name;
  const client = new pg.Client({ connectionString: url.href });
  client.on('error', () => {});
  await client.connect();
  return {
    env: {
      DATABASE_HOST: url.hostname,
      DATABASE_PORT: url.port || '5432',
      DATABASE_USER: decodeURIComponent(url.username),
      POSTGRESQL_PWD: decodeURIComponent(url.password),
      DATABASE_NAME: name,
      JWT_SECRET_KEY: JWT_KEY,
      SECRETS_DIR: '/nonexistent/secrets',
    },
    client,
    async setReachable(reachable) {
      await server.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS ${reachable}`);
      if (!reachable) {
        const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        await server.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> $2',
          [name, rows[0]?.pid],
        );
      }
    },
    async untilBlocked(count) {
      for (;;) {
        // Not through `client`: in a transaction, its view of the activity stays as it was.
        const { rows } = await server.query<{ count: number }>(
          `SELECT count(*)::int FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'`,
          [name],
        );
        if ((rows[0]?.count ?? 0) >= count) return;
        await delay(5);
      }
    },
    async drop() {
      await client.end();
      await server.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await server.end();
    },
  };
}

export interface TestApi {
  readonly app: FastifyInstance;
  readonly database: TestDatabase;
  /** Asks as a user of the role; fails if the answer is not what the OpenAPI document says. */
  as(role: Role): Ask;
  /** An access token for each role. */
  readonly tokens: Readonly<Partial<Record<Role, string>>>;
  close(): Promise<void>;
}

export type Ask = (
  method: NonNullable<InjectOptions['method']>,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<LightMyRequestResponse>;

/**
 * The whole API on a database of its own, with a user for each role.
 *
 * @param way to the database, as environment variables, if it is not the straight one.
 * @param options of the app beyond its settings.
 */
export async function startApi(
  env: Record<string, string> = {},
  way: (database: TestDatabase) => Promise<Record<string, string>> = async () => ({}),
  options: Partial<AppOptions> = {},
): Promise<TestApi> {
  const database = await createDatabase();
  const { settings } = loadSettings({
    env: { ...database.env, ...(await way(database)), DATABASE_POOL_SIZE: '4', ...env },
    envFilePath: '/nonexistent/.env',
  });
  const schemaVersion = (await readMigrations(MIGRATIONS_FOLDER)).length;
  const app = await build({ settings, schemaVersion, ...options });
  await app.ready();
  const contract = contractOf(app);
  const passwordHash = await hashPassword(PASSWORD);
  const tokens: Partial<Record<Role, string>> = {};
  for (const role of ['viewer', 'manager', 'admin'] as const) {
    const { id } = await app.repositories.users.add({ username: role, passwordHash, role }, SYSTEM);
    const principal = await app.repositories.users.principal(id);
    tokens[role] = app.accessTokens.sign({
      userId: id,
      credentialsChangedAt: principal?.credentialsChangedAt ?? 0,
    });
  }
  return {
    app,
    database,
    tokens,
    as: (role) => async (method, path, body, headers) => {
      const response = await app.inject({
        method,
        url: `/api/v1${path}`,
        headers: { authorization: `Bearer ${tokens[role]}`, ...headers },
        ...(body === undefined ? {} : { payload: body as object }),
      });
      contract.check(method, `/api/v1${path}`, response);
      return response;
    },
    async close() {
      await app.close();
      await database.drop();
    },
  };
}
