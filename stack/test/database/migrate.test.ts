import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  connectWhenUp,
  MIGRATIONS_FOLDER,
  MigrationError,
  migrate,
  readMigrations,
} from '../../src/database/migrate.js';
import { createDatabase, type TestDatabase } from '../api.js';

let database: TestDatabase;
let folder: string;
let last: number;

beforeEach(async () => {
  database = await createDatabase({ migrated: false });
  folder = mkdtempSync(join(tmpdir(), 'migrations-'));
  cpSync(MIGRATIONS_FOLDER, folder, { recursive: true });
  last = (await readMigrations(folder)).length;
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await database.drop();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(configuration());
  await client.connect();
  return client;
}

function configuration(): pg.ClientConfig {
  const { env } = database;
  return {
    host: env.DATABASE_HOST,
    port: Number(env.DATABASE_PORT),
    user: env.DATABASE_USER,
    password: env.POSTGRESQL_PWD,
    database: env.DATABASE_NAME,
  };
}

async function version(): Promise<number> {
  const { rows } = await database.client.query('SELECT max(version) AS version FROM schema_migrations');
  return rows[0].version;
}

function addMigration(sql: string): void {
  writeFileSync(join(folder, `${String(last + 1).padStart(4, '0')}_next.sql`), sql);
}

test('processes that start together wait for the first, which does everything', async () => {
  const clients = await Promise.all([connect(), connect(), connect()]);
  try {
    const results = await Promise.all(clients.map((client) => migrate(client, folder)));
    expect(results.map(({ version }) => version)).toEqual([last, last, last]);
    expect(results.map(({ applied }) => applied).sort()).toEqual([0, 0, last]);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
});

test('a migration that fails half-way leaves the version before it, and no lock', async () => {
  await migrate(database.client, folder);
  addMigration('CREATE TABLE half (id int); SELECT 1 / 0;');
  await expect(migrate(database.client, folder)).rejects.toThrow(MigrationError);
  expect(await version()).toBe(last);
  const { rows } = await database.client.query(`SELECT to_regclass('half') AS half`);
  expect(rows[0].half).toBeNull();

  addMigration('CREATE TABLE half (id int);');
  const other = await connect();
  try {
    expect(await migrate(other, folder)).toEqual({ version: last + 1, applied: 1 });
  } finally {
    await other.end();
  }
});

test('an applied file that was changed is refused, though not for its line ends', async () => {
  await migrate(database.client, folder);
  const path = join(folder, '0001_catalogue.sql');
  const sql = readFileSync(path, 'utf8');
  writeFileSync(path, sql.replaceAll('\n', '\r\n'));
  await expect(migrate(database.client, folder)).resolves.toMatchObject({ applied: 0 });
  writeFileSync(path, `${sql}\n-- an afterthought\n`);
  await expect(migrate(database.client, folder)).rejects.toThrow(/migration 1 \(catalogue\) was changed/);
});

test('a schema that is newer than the code is refused', async () => {
  addMigration('SELECT 1');
  await migrate(database.client, folder);
  await expect(migrate(database.client)).rejects.toThrow(`migration ${last + 1} (next)`);
});

test('a gap in the numbers is refused', async () => {
  writeFileSync(join(folder, '0099_far.sql'), 'SELECT 1');
  await expect(readMigrations(folder)).rejects.toThrow('0099_far.sql should be named');
});

test('a wrong password ends the wait at once', async () => {
  let retries = 0;
  const failing = connectWhenUp({ ...configuration(), password: 'wrong' }, 60_000, () => {
    retries += 1;
  });
  await expect(failing).rejects.toMatchObject({ code: '28P01' });
  expect(retries).toBe(0);
});

test('a server that is not there is tried again, up to a limit', async () => {
  let retries = 0;
  const failing = connectWhenUp({ ...configuration(), port: 1 }, 700, () => {
    retries += 1;
  });
  await expect(failing).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(retries).toBeGreaterThan(0);
});
