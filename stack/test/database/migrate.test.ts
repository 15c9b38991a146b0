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

test('a migration outside of a transaction is done again as a whole when it broke off', async () => {
  await migrate(database.client, folder);
  addMigration(`-- outside of a transaction
    CREATE TABLE IF NOT EXISTS half AS SELECT 1 AS i;
    CREATE UNIQUE INDEX CONCURRENTLY half_key ON half (i);
    SELECT 1 / (SELECT count(*) FROM half);
  `);
  await database.client.query('CREATE TABLE half (i int)');
  await expect(migrate(database.client, folder)).rejects.toThrow(/division by zero/);
  expect(await version()).toBe(last);
  await database.client.query('DROP TABLE half');
  await expect(migrate(database.client, folder)).resolves.toEqual({ version: last + 1, applied: 1 });
});

test('the words of items that are there are found after the migration, in which items can be changed', async () => {
  const later = (await readMigrations(folder))
    .slice(10)
    .map(({ version, name }) => `${String(version).padStart(4, '0')}_${name}.sql`);
  for (const file of later) rmSync(join(folder, file));
  await migrate(database.client, folder);
  await database.client.query(`INSERT INTO items (sku, name) VALUES ('A', 'Café crème')`);
  const writer = await connect();
  try {
    // It has written, and does not commit: an index that is built waits for it, and others write on.
    await writer.query(`BEGIN; INSERT INTO items (sku, name) VALUES ('B', 'Crème')`);
    const migrated = migrate(database.client);
    await database.untilBlocked(1);
    const other = await connect();
    await other.query(`INSERT INTO items (sku, name) VALUES ('C', 'Creme')`);
    await other.end();
    await writer.query('COMMIT');
    await migrated;
  } finally {
    await writer.end();
  }
  const { rows } = await database.client.query(
    `SELECT sku FROM items WHERE search_words(name) @@ 'creme' ORDER BY sku`,
  );
  expect(rows.map(({ sku }) => sku)).toEqual(['A', 'B', 'C']);
  const { rows: indexes } = await database.client.query(
    `SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_search_words_idx'::regclass`,
  );
  expect(indexes).toEqual([{ indisvalid: true }]);
});

test('stock of before there were decimals is the same after, and its tables are not written anew', async () => {
  const later = (await readMigrations(folder))
    .slice(16)
    .map(({ version, name }) => `${String(version).padStart(4, '0')}_${name}.sql`);
  for (const file of later) rmSync(join(folder, file));
  await migrate(database.client, folder);
  await database.client.query(`INSERT INTO items (sku, name, reorder_point) VALUES ('A', 'Rope', 5);
    INSERT INTO stock_levels (item_id, location_id, on_hand) VALUES (1, 1, 7);
    INSERT INTO movements (group_id, item_id, location_id, delta, balance_after, kind) VALUES (1, 1, 1, 7, 7, 'receive')`);
  const files = async () =>
    (
      await database.client.query(
        `SELECT relname, pg_relation_filenode(oid) FROM pg_class
         WHERE relname IN ('items', 'stock_levels', 'movements') ORDER BY relname`,
      )
    ).rows;
  const before = await files();
  await migrate(database.client);
  expect(await files()).toEqual(before);
  await database.client.query('UPDATE items SET decimals = 2');
  const { rows } = await database.client.query(`SELECT on_hand, stock_levels.decimals, movements.delta,
    movements.decimals AS moved_in FROM stock_levels JOIN movements USING (item_id)`);
  expect(rows).toEqual([{ on_hand: '700', decimals: 2, delta: '7', moved_in: 0 }]);
  await expect(database.client.query('UPDATE items SET decimals = 1')).rejects.toMatchObject({
    constraint: 'items_decimals_raised',
  });
});

test.each(['LATIN1', 'SQL_ASCII', 'EUC_JP', 'LATIN9'])(
  'a database of encoding %s is migrated, and searched',
  async (encoding) => {
    const name = `${database.env.DATABASE_NAME}_${encoding.toLowerCase()}`;
    await database.client.query(
      `CREATE DATABASE ${name} ENCODING ${encoding} LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
    );
    const client = new pg.Client({ ...configuration(), database: name });
    await client.connect();
    try {
      expect(await migrate(client, folder)).toMatchObject({ version: last });
      await client.query(`INSERT INTO items (sku, name) VALUES ('A', $1), ('B', 'usb-c')`, [
        encoding === 'EUC_JP' ? '茶壺 blue' : 'crème blue',
      ]);
      const { rows } = await client.query(
        `SELECT sku FROM items WHERE search_words(name) @@ to_tsquery('simple', searchable($1) || ':*')`,
        [encoding === 'EUC_JP' ? '茶' : 'crè'],
      );
      expect(rows).toEqual([{ sku: 'A' }]);
    } finally {
      await client.end();
      await database.client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  },
);

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
