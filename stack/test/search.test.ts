import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

let api: TestApi;
let manager: Ask;

beforeAll(async () => {
  api = await startApi({ RATE_LIMIT_PER_MINUTE: '1000000' });
  manager = api.as('manager');
  for (const [sku, name, barcode] of [
    ['TEAPOT-1', 'Blue pot', '5012345678900'],
    ['HDMI-9', 'USB-C/HDMI adapter 3.5mm', null],
    ['url-3', 'www.example.com/shop label', null],
    ['W-5', "Children's T-shirt (red)", null],
    ['NEG-1', 'Cable -5V +12V #4', null],
    ['CAFE-2', 'Café crème', null],
    ['CJK-1', '茶壶', null],
  ]) {
    expect((await manager('POST', '/items', { sku, name, barcode })).statusCode).toBe(201);
  }
});
afterAll(() => api.close());

async function found(query: string): Promise<string[]> {
  const answer = await manager('GET', `/items?${query}`);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json().data.map(({ sku }: { sku: string }) => sku);
}

test.each([
  ['teapot', ['TEAPOT-1']],
  ['TEAPOT', ['TEAPOT-1']],
  ['TEAPOT-1', ['TEAPOT-1']],
  ['URL', ['url-3']],
  ['5012345678900', ['TEAPOT-1']],
  ['501234567890', []],
  ['hdmi', ['HDMI-9']],
  ['usb-c', ['HDMI-9']],
  ['3.5mm', ['HDMI-9']],
  ['shop', ['url-3']],
  ['example.com', ['url-3']],
  ['children', ['W-5']],
  ["children's", ['W-5']],
  ['t-shirt', ['W-5']],
  ['(red)', ['W-5']],
  ['12v', ['NEG-1']],
  ['+12V -5v', ['NEG-1']],
  ['café', ['CAFE-2']],
  ['茶', ['CJK-1']],
  ['pot blue', ['TEAPOT-1']],
  ['ot', []],
  ['%', []],
  ["'", []],
  ['blue:*', ['TEAPOT-1']],
  ['!()&|\\', []],
])('%j finds %j', async (text, skus) => {
  expect(await found(`search=${encodeURIComponent(text)}`)).toEqual(skus);
});

test('a SKU and a barcode are found exactly', async () => {
  expect(await found('sku=TEAPOT-1')).toEqual(['TEAPOT-1']);
  expect(await found('sku=TEAPOT')).toEqual([]);
  expect(await found('sku=teapot-1')).toEqual([]);
  expect(await found('barcode=5012345678900')).toEqual(['TEAPOT-1']);
  expect(await found('barcode=501234567890')).toEqual([]);
});

test('the words of names are found by their index', async () => {
  const { client } = api.database;
  await client.query(
    `INSERT INTO items (sku, name) SELECT 'X' || n, 'thing ' || n FROM generate_series(1, 5000) n`,
  );
  await client.query('ANALYZE items');
  const { rows } = await client.query(
    `EXPLAIN SELECT id FROM items WHERE item_words(name) @@ to_tsquery('simple', 'hdmi:*')`,
  );
  expect(JSON.stringify(rows)).toContain('items_name_words_idx');
});
