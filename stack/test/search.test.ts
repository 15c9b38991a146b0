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
    ['CJK-1', '茶壶蓝色5寸', null],
    ['CJK-2', '充電ケーブル', null],
    ['CJK-3', 'ﾃﾞｰﾀ 色蓝', null],
    ['WIDE-1', 'ＶＧＡ－ＭＩＣＲＯ　１ｍ', null],
    ['DE-1', 'Gießkanne Übergröße Straße', null],
    ['PL-1', 'Żółta ŁYŻKA', null],
    ['NO-1', 'Rød bjørnebær ÆØÅ', null],
    ['IS-1', 'Þykkur ís', null],
    ['RU-1', 'Чайник зелёный', null],
    ['KO-1', '파란 찻주전자', null],
    ['VI-1', 'Ấm trà Việt', null],
    ['SIGN-1', 'Acme™ ﬁlter ½ m² № 7', null],
  ]) {
    const answer = await manager('POST', '/items', { sku, name, barcode });
    expect(answer.statusCode, answer.body).toBe(201);
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
  ['cafe creme', ['CAFE-2']],
  ['CREME', ['CAFE-2']],
  ['ｃａｆｅ', ['CAFE-2']],
  ['茶', ['CJK-1']],
  ['茶壶', ['CJK-1']],
  ['蓝色', ['CJK-1']],
  ['壶茶', []],
  ['5寸', ['CJK-1']],
  ['蓝色　茶壶', ['CJK-1']],
  ['茶壶（蓝色）', ['CJK-1']],
  ['ケーブル', ['CJK-2']],
  ['ｹｰﾌﾞﾙ', ['CJK-2']],
  ['ケーフル', []],
  ['データ', ['CJK-3']],
  ['vga-micro', ['WIDE-1']],
  ['ＭＩＣＲＯ', ['WIDE-1']],
  ['giesskanne', ['DE-1']],
  ['GIESSKANNE', ['DE-1']],
  ['ubergrosse', ['DE-1']],
  ['straße', ['DE-1']],
  ['zolta lyzka', ['PL-1']],
  ['łyżka', ['PL-1']],
  ['rod bjornebaer', ['NO-1']],
  ['aeoa', ['NO-1']],
  ['thykkur is', ['IS-1']],
  ['зеленый', ['RU-1']],
  ['чайн', ['RU-1']],
  ['찻주', ['KO-1']],
  ['am tra viet', ['VI-1']],
  ['acme', ['SIGN-1']],
  ['filter m2', ['SIGN-1']],
  ['™', []],
  ['\u0301', []],
  ['。', []],
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
    `EXPLAIN SELECT id FROM items WHERE search_words(name) @@ to_tsquery('simple', 'hdmi:*')`,
  );
  expect(JSON.stringify(rows)).toContain('items_search_words_idx');
});
