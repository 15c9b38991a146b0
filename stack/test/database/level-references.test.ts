import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../api.js';

// Migration 5 replaces the foreign keys of stock_levels by triggers: what they must refuse, whoever else is at it.

let database: TestDatabase;
let other: pg.Client;

beforeEach(async () => {
  database = await createDatabase();
  const { env } = database;
  other = new pg.Client({
    host: env.DATABASE_HOST,
    port: Number(env.DATABASE_PORT),
    user: env.DATABASE_USER,
    password: env.POSTGRESQL_PWD,
    database: env.DATABASE_NAME,
  });
  await other.connect();
  await other.query(`INSERT INTO items (sku, name) VALUES ('A', 'one'), ('B', 'two');
    INSERT INTO locations (code, name) VALUES ('north', 'North');
    INSERT INTO stock_levels (item_id, location_id) VALUES (1, 1)`);
});
afterEach(async () => {
  await other.end();
  await database.drop();
});

const ITEM_REFERENCE = { code: '23503', constraint: 'stock_levels_item_id_fkey' };
const LOCATION_REFERENCE = { code: '23503', constraint: 'stock_levels_location_id_fkey' };
const REFUSED = { code: '23001' };

test.each([
  [
    'a level of no item',
    'INSERT INTO stock_levels (item_id, location_id) VALUES (2, 1), (99, 1)',
    ITEM_REFERENCE,
  ],
  [
    'a level at no location',
    'INSERT INTO stock_levels (item_id, location_id) VALUES (2, 99)',
    LOCATION_REFERENCE,
  ],
  ['to remove an item with a level', 'DELETE FROM items', ITEM_REFERENCE],
  ['to remove a location with a level', 'DELETE FROM locations', LOCATION_REFERENCE],
  ['to remove all items', 'TRUNCATE items', REFUSED],
  ['to remove all locations', 'TRUNCATE locations', REFUSED],
  ['to take a level to another item', 'UPDATE stock_levels SET item_id = 2', REFUSED],
  ['to take a level to another location', 'UPDATE stock_levels SET location_id = 2', REFUSED],
])('refused: %s', async (_what, statement, error) => {
  await expect(other.query(statement)).rejects.toMatchObject(error);
});

test('what no level refers to can go', async () => {
  expect((await other.query('DELETE FROM items WHERE id = 2')).rowCount).toBe(1);
  expect((await other.query('DELETE FROM locations WHERE id = 2')).rowCount).toBe(1);
});

test.each([
  ['item', 'DELETE FROM items WHERE id = 2', ITEM_REFERENCE],
  ['location', 'DELETE FROM locations WHERE id = 2', LOCATION_REFERENCE],
])(
  'a level and the removal of its %s at the same time: the first one stands',
  async (_what, removal, error) => {
    const level = 'INSERT INTO stock_levels (item_id, location_id) VALUES (2, 2)';
    for (const [first, second] of [
      [level, removal],
      [removal, level],
    ] as const) {
      await database.client.query('BEGIN');
      await database.client.query(first);
      const blocked = expect(other.query(second)).rejects.toMatchObject(error);
      await database.untilBlocked(1);
      await database.client.query('COMMIT');
      await blocked;
      await other.query(`DELETE FROM stock_levels WHERE item_id = 2`);
    }
  },
);
