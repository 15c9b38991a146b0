import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../api.js';

// Migrations 5 and 6 replace the foreign keys of stock_levels and items by triggers: what they must refuse, whoever
// else is at it.

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
  await other.query(`INSERT INTO categories (name) VALUES ('Tea'), ('Cups');
    INSERT INTO suppliers (name) VALUES ('Acme'), ('Potteries');
    INSERT INTO items (sku, name, category_id, supplier_id) VALUES ('A', 'one', 1, 1), ('B', 'two', NULL, NULL);
    INSERT INTO locations (code, name) VALUES ('north', 'North');
    INSERT INTO stock_levels (item_id, location_id) VALUES (1, 1)`);
});
afterEach(async () => {
  await other.end();
  await database.drop();
});

const ITEM_REFERENCE = { code: '23503', constraint: 'stock_levels_item_id_fkey' };
const LOCATION_REFERENCE = { code: '23503', constraint: 'stock_levels_location_id_fkey' };
const CATEGORY_REFERENCE = { code: '23503', constraint: 'items_category_id_fkey' };
const SUPPLIER_REFERENCE = { code: '23503', constraint: 'items_supplier_id_fkey' };
const CATEGORY_IN_USE = { code: '23503', constraint: 'categories_in_use' };
const SUPPLIER_IN_USE = { code: '23503', constraint: 'suppliers_in_use' };
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
  [
    'an item of no category',
    `INSERT INTO items (sku, name, category_id) VALUES ('C', 'c', 2), ('D', 'd', 99)`,
    CATEGORY_REFERENCE,
  ],
  [
    'an item of no supplier',
    `INSERT INTO items (sku, name, supplier_id) VALUES ('C', 'c', 2), ('D', 'd', 99)`,
    SUPPLIER_REFERENCE,
  ],
  ['to give an item no category', 'UPDATE items SET category_id = 99 WHERE id = 1', CATEGORY_REFERENCE],
  ['to give an item no supplier', 'UPDATE items SET supplier_id = 99 WHERE id = 2', SUPPLIER_REFERENCE],
  ['to remove a category with an item', 'DELETE FROM categories', CATEGORY_IN_USE],
  ['to remove a supplier with an item', 'DELETE FROM suppliers', SUPPLIER_IN_USE],
  ['to remove all categories', 'TRUNCATE categories', REFUSED],
  ['to remove all suppliers', 'TRUNCATE suppliers', REFUSED],
  ['to number a category anew', 'UPDATE categories SET id = DEFAULT', REFUSED],
  ['to number a supplier anew', 'UPDATE suppliers SET id = DEFAULT', REFUSED],
  ['to number an item anew', 'UPDATE items SET id = DEFAULT', REFUSED],
  ['to number a location anew', 'UPDATE locations SET id = DEFAULT', REFUSED],
  ['to remove an item with a level', 'DELETE FROM items', ITEM_REFERENCE],
  ['to remove a location with a level', 'DELETE FROM locations', LOCATION_REFERENCE],
  ['to remove all items', 'TRUNCATE items', REFUSED],
  ['to remove all locations', 'TRUNCATE locations', REFUSED],
  ['to take a level to another item', 'UPDATE stock_levels SET item_id = 2', REFUSED],
  ['to take a level to another location', 'UPDATE stock_levels SET location_id = 2', REFUSED],
])('refused: %s', async (_what, statement, error) => {
  await expect(other.query(statement)).rejects.toMatchObject(error);
});

test('what nothing refers to can go', async () => {
  expect((await other.query('DELETE FROM items WHERE id = 2')).rowCount).toBe(1);
  expect((await other.query('DELETE FROM locations WHERE id = 2')).rowCount).toBe(1);
  expect((await other.query('DELETE FROM categories WHERE id = 2')).rowCount).toBe(1);
  expect((await other.query('DELETE FROM suppliers WHERE id = 2')).rowCount).toBe(1);
});

const LEVEL = 'INSERT INTO stock_levels (item_id, location_id) VALUES (2, 2)';
const NEW_ITEM = `INSERT INTO items (sku, name, category_id, supplier_id) VALUES ('C', 'three', 2, 2)`;
const CHANGED_ITEM = 'UPDATE items SET category_id = 2, supplier_id = 2 WHERE id = 2';

test.each([
  { what: 'a level', reference: LEVEL, to: 'items', dangling: ITEM_REFERENCE, used: ITEM_REFERENCE },
  {
    what: 'a level',
    reference: LEVEL,
    to: 'locations',
    dangling: LOCATION_REFERENCE,
    used: LOCATION_REFERENCE,
  },
  {
    what: 'a new item',
    reference: NEW_ITEM,
    to: 'categories',
    dangling: CATEGORY_REFERENCE,
    used: CATEGORY_IN_USE,
  },
  {
    what: 'a new item',
    reference: NEW_ITEM,
    to: 'suppliers',
    dangling: SUPPLIER_REFERENCE,
    used: SUPPLIER_IN_USE,
  },
  {
    what: 'a changed item',
    reference: CHANGED_ITEM,
    to: 'categories',
    dangling: CATEGORY_REFERENCE,
    used: CATEGORY_IN_USE,
  },
  {
    what: 'a changed item',
    reference: CHANGED_ITEM,
    to: 'suppliers',
    dangling: SUPPLIER_REFERENCE,
    used: SUPPLIER_IN_USE,
  },
])(
  '$what and the removal of what it refers to in $to at the same time: the first one stands',
  async ({ reference, to, dangling, used }) => {
    const removal = `DELETE FROM ${to} WHERE id = 2`;
    for (const [first, second, error] of [
      [reference, removal, used],
      [removal, reference, dangling],
    ] as const) {
      await database.client.query('BEGIN');
      await database.client.query(first);
      const blocked = expect(other.query(second)).rejects.toMatchObject(error);
      await database.untilBlocked(1);
      await database.client.query('COMMIT');
      await blocked;
      await other.query(`DELETE FROM stock_levels WHERE item_id = 2; DELETE FROM items WHERE id > 2;
        UPDATE items SET category_id = NULL, supplier_id = NULL WHERE id = 2`);
    }
  },
);
