import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ImportMode } from '../../src/importer/importer.js';
import { settle } from '../../src/importer/merge.js';
import type { Actor } from '../../src/repositories/audit.js';
import { startApi, type TestApi } from '../api.js';

const SAMPLE = fileURLToPath(new URL('../../data/new_inventory.csv', import.meta.url));

let api: TestApi;
let by: Actor;

beforeEach(async () => {
  api = await startApi();
  by = { userId: (await api.as('manager')('GET', '/auth/me')).json().id, requestId: null };
});
afterEach(() => api.close());

const upload = (text: string | Buffer, mode: ImportMode = 'atomic') =>
  api.app.importer.upload(Readable.from([Buffer.from(text)]), mode, by);

async function select(sql: string): Promise<Record<string, unknown>[]> {
  return (await api.database.client.query(sql)).rows;
}

const flaws = () =>
  select(
    'SELECT row_number::int AS row, column_name AS column, code, value FROM import_errors ORDER BY 1, 2',
  );

describe('a file', () => {
  test('of real inventory becomes items with opening stock in the ledger', async () => {
    const outcome = await api.app.importer.upload(createReadStream(SAMPLE), 'atomic', by);
    expect(outcome).toMatchObject({
      status: 'applied',
      rows: 2733,
      errors: 0,
      counts: { created: 2733, updated: 0, unchanged: 0 },
    });
    expect(await select('SELECT count(*)::int, count(DISTINCT sku)::int AS skus FROM items')).toEqual([
      { count: 2733, skus: 2733 },
    ]);
    expect(
      await select(`SELECT sku, name, unit, unit_price::text, reorder_point::int, on_hand::int, delta::int, kind, reference
        FROM items JOIN stock_levels ON item_id = id JOIN movements USING (item_id) WHERE sku = '10002'`),
    ).toEqual([
      {
        sku: '10002',
        name: 'INFLATABLE POLITICAL GLOBE',
        unit: 'each',
        unit_price: '1.66',
        reorder_point: 57,
        on_hand: 312,
        delta: 312,
        kind: 'import',
        reference: `import ${outcome.id}`,
      },
    ]);
  });

  test('is followed by the upkeep that nobody waits for', async () => {
    const names = Array.from({ length: 500 }, (_, n) => `SKU-${n},thing number ${n},5`);
    await upload(`sku,name,quantity\n${names.join('\n')}\n`);
    const known = () => select(`SELECT reltuples::int FROM pg_class WHERE relname = 'stock_levels'`);
    await expect.poll(known, { timeout: 10_000 }).toEqual([{ reltuples: 500 }]);
    // The pages of words that were still waiting to be indexed.
    expect(await select(`SELECT gin_clean_pending_list('items_search_words_idx')::int AS pages`)).toEqual([
      { pages: 0 },
    ]);
  });

  test('holds no connection for its upkeep while another import runs', async () => {
    const { client } = api.database;
    await client.query('BEGIN; LOCK TABLE items IN SHARE ROW EXCLUSIVE MODE');
    await expect(api.app.database.bulk(settle)).rejects.toMatchObject({ code: '55P03' });
    await client.query('ROLLBACK');
  });

  test('taken twice changes nothing the second time', async () => {
    const text = 'sku,name,quantity\nA,one,5\nB,two,0\n';
    await upload(text);
    await api.as('manager')('POST', '/stock/issue', { lines: [{ item_id: 1, quantity: 5 }] });
    expect(await upload(text)).toMatchObject({
      counts: { created: 0, updated: 0, unchanged: 2, stocked: 0 },
    });
    expect(await select('SELECT on_hand::int FROM stock_levels')).toEqual([{ on_hand: 0 }]);
    expect(await select('SELECT version FROM items')).toEqual([{ version: 1 }, { version: 1 }]);
  });

  test('changes what it names and leaves the rest', async () => {
    await upload('sku,name,unit,unit_price\nA,one,box,2.50\nB,two,each,1\n');
    expect(await upload('SKU, Name ,unit_price\nA,uno,\nB,two,1\nC,three,3\n')).toMatchObject({
      counts: { created: 1, updated: 1, unchanged: 1 },
    });
    expect(await select('SELECT sku, name, unit, unit_price::text, version FROM items ORDER BY sku')).toEqual(
      [
        { sku: 'A', name: 'uno', unit: 'box', unit_price: '2.50', version: 2 },
        { sku: 'B', name: 'two', unit: 'each', unit_price: '1', version: 1 },
        { sku: 'C', name: 'three', unit: 'each', unit_price: '3', version: 1 },
      ],
    );
  });

  test('may have a BOM, CRLF, quotes, blank rows, and backslashes', async () => {
    const text = '\uFEFFsku,name\r\nA,"one, ""two"""\r\n\r\n,\r\nB,"back\\slash \\N \\."\r\n   \r\nC,last';
    expect(await upload(text)).toMatchObject({ rows: 3, errors: 0 });
    expect(await select('SELECT name FROM items ORDER BY sku')).toEqual([
      { name: 'one, "two"' },
      { name: 'back\\slash \\N \\.' },
      { name: 'last' },
    ]);
  });

  test('names categories, suppliers and locations that exist', async () => {
    await api.database.client.query(`INSERT INTO categories (name) VALUES ('Tea');
      INSERT INTO suppliers (name) VALUES ('Acme'); INSERT INTO locations (code, name) VALUES ('attic', 'Attic')`);
    expect(
      await upload('sku,name,category,supplier,location,quantity\nA,one,Tea,Acme,attic,4\n'),
    ).toMatchObject({
      counts: { stocked: 1 },
    });
    expect(
      await select(`SELECT categories.name AS category, suppliers.name AS supplier, code, on_hand::int FROM items
        JOIN categories ON categories.id = category_id JOIN suppliers ON suppliers.id = supplier_id
        JOIN stock_levels ON item_id = items.id JOIN locations ON locations.id = location_id`),
    ).toEqual([{ category: 'Tea', supplier: 'Acme', code: 'attic', on_hand: 4 }]);
  });
});

test('a file after an import that was rolled back, with what the planner then believes, takes no longer', async () => {
  const { client } = api.database;
  const rows = 30_000;
  await client.query(`BEGIN;
    INSERT INTO items (sku, name) SELECT 'SKU-' || n, 'thing' FROM generate_series(1, ${rows}) n;
    INSERT INTO stock_levels (item_id, location_id) SELECT id, 1 FROM items;
    ROLLBACK`);
  await client.query('ANALYZE items, stock_levels');
  expect(
    await select(`SELECT reltuples::int, relpages > 100 AS pages FROM pg_class WHERE relname = 'items'`),
  ).toEqual([{ reltuples: 0, pages: true }]);
  const lines = Array.from({ length: rows }, (_, n) => `SKU-${n},thing,5`);
  expect(await upload(`sku,name,quantity\n${lines.join('\n')}\n`)).toMatchObject({
    counts: { created: rows, stocked: rows },
  });
  // To compare everything with everything takes minutes.
}, 40_000);

describe('flaws', () => {
  const FLAWED = [
    'sku,name,unit_price,quantity,barcode,category',
    'A,one,1,5,111,',
    ',nameless sku,1,5,,',
    'B,two,-1,many,,',
    '',
    'A,again,1,5,,',
    'C,three,1,5,111,',
    'D,four,1,5,,Nowhere',
    'E,five,1',
    'F,six,1.23456,5,,',
    'G,seven,1,5,,',
  ].join('\n');
  const EXPECTED = [
    { row: 3, column: 'sku', code: 'missing', value: null },
    { row: 4, column: 'quantity', code: 'invalid', value: 'many' },
    { row: 4, column: 'unit_price', code: 'invalid', value: '-1' },
    { row: 6, column: 'sku', code: 'duplicate', value: 'A' },
    { row: 7, column: 'barcode', code: 'duplicate', value: '111' },
    { row: 8, column: 'category', code: 'unknown', value: 'Nowhere' },
    { row: 9, column: null, code: 'column_count', value: null },
    { row: 10, column: 'unit_price', code: 'invalid', value: '1.23456' },
  ];

  test('are all found in one pass; atomic then takes nothing', async () => {
    expect(await upload(FLAWED, 'atomic')).toMatchObject({ status: 'rejected', rows: 9, errors: 8 });
    expect(await flaws()).toEqual(EXPECTED);
    expect(await select('SELECT FROM items')).toEqual([]);
    expect(await select('SELECT FROM movements')).toEqual([]);
  });

  test('keep out only their rows in mode partial', async () => {
    expect(await upload(FLAWED, 'partial')).toMatchObject({
      status: 'applied',
      errors: 8,
      counts: { created: 2 },
    });
    expect(await flaws()).toEqual(EXPECTED);
    expect(await select('SELECT sku FROM items ORDER BY sku')).toEqual([{ sku: 'A' }, { sku: 'G' }]);
  });

  test('are found by a dry run, which changes nothing', async () => {
    expect(await upload(FLAWED, 'dry-run')).toMatchObject({
      status: 'checked',
      errors: 8,
      counts: { created: 2, stocked: 2 },
    });
    expect(await flaws()).toEqual(EXPECTED);
    expect(await select('SELECT FROM items')).toEqual([]);
  });

  test('are an archived item and a barcode of another', async () => {
    await upload('sku,name,barcode\nA,one,111\nB,two,222\n');
    await api.as('manager')('DELETE', '/items/1', undefined, { 'if-match': '*' });
    await upload('sku,name,barcode\nA,one,\nC,three,222\n');
    expect(await flaws()).toEqual([
      { row: 2, column: 'sku', code: 'archived', value: 'A' },
      { row: 3, column: 'barcode', code: 'taken', value: '222' },
    ]);
  });
});

describe('what is no inventory file', () => {
  test.each([
    ['nothing', '', 'empty_file'],
    ['an unknown column', 'sku,name,colour\n', 'unknown_column'],
    ['a missing column', 'sku\nA\n', 'missing_column'],
    ['a column twice', 'sku,name,SKU\n', 'duplicate_column'],
    ['a quote that never closes', `sku,name\nA,"${'x'.repeat(100_000)}`, 'malformed'],
    ['text after a quote', 'sku,name\nA,"x"y\n', 'malformed'],
    ['one enormous line', 'x'.repeat(50 * 1024 * 1024), 'malformed'],
    ['binary data', Buffer.from('sku,name\nA,one\0two\n'), 'not_text'],
    ['an .xlsx', Buffer.from('504b03041400080808002f5cff', 'hex'), 'not_text'],
    ['an .xls', Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'not_text'],
    ['UTF-8 with damage', Buffer.from('sku,name\nA,caf\xc3\xa9 \xe9\n', 'latin1'), 'not_utf8'],
    ['text that breaks off inside a character', Buffer.from('sku,name\nA,caf\xc3', 'latin1'), 'not_utf8'],
  ])('%s: is refused, and not on record', async (_name, content, code) => {
    await expect(upload(content)).rejects.toMatchObject({ status: 422, errors: [{ code }] });
    expect(await select('SELECT FROM imports')).toEqual([]);
    // The connection that was in the middle of a COPY serves again.
    expect(await upload('sku,name\nOK,ok\n')).toMatchObject({ status: 'applied' });
  });

  test('a stream that breaks off: nothing is taken', async () => {
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('sku,name\nA,one\n');
        throw new Error('connection lost');
      })(),
    );
    await expect(api.app.importer.upload(broken, 'partial', by)).rejects.toMatchObject({
      status: 400,
      code: 'incomplete',
    });
    expect(api.app.spool.stored).toBe(0);
    expect(await select('SELECT FROM items')).toEqual([]);
  });
});

describe('the file of the settings', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'inventory-file-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('is taken once per content, by one of those that start together', async () => {
    const path = join(folder, 'inventory.csv');
    writeFileSync(path, 'sku,name,quantity\nA,one,5\n');
    const outcomes = await Promise.all([1, 2].map(() => api.app.importer.importOnce(path)));
    expect(outcomes.filter((outcome) => outcome !== undefined)).toHaveLength(1);
    expect(await api.app.importer.importOnce(path)).toBeUndefined();
    expect(await select('SELECT on_hand::int FROM stock_levels')).toEqual([{ on_hand: 5 }]);

    writeFileSync(path, 'sku,name,quantity\nA,one,5\nB,two,1\n');
    expect(await api.app.importer.importOnce(path)).toMatchObject({ counts: { created: 1, unchanged: 1 } });
  });

  test('with flaws is rejected once, and on record', async () => {
    const path = join(folder, 'inventory.csv');
    writeFileSync(path, 'sku,name\nA,one\nA,two\n');
    expect(await api.app.importer.importOnce(path)).toMatchObject({ status: 'rejected', errors: 1 });
    expect(await api.app.importer.importOnce(path)).toBeUndefined();
    expect(await flaws()).toEqual([{ row: 3, column: 'sku', code: 'duplicate', value: 'A' }]);
  });

  test('need not exist', async () => {
    expect(await api.app.importer.importOnce(join(folder, 'none.csv'))).toBeUndefined();
    expect(await api.app.importer.importOnce(folder)).toBeUndefined();
  });
});
