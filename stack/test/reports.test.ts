import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

let api: TestApi;
let viewer: Ask;

beforeAll(async () => {
  api = await startApi();
  viewer = api.as('viewer');
  const manager = api.as('manager');
  const tea = (await manager('POST', '/categories', { name: 'Tea' })).json().id;
  const attic = (await manager('POST', '/locations', { code: 'attic', name: 'Attic' })).json().id;
  const add = async (fields: object) => (await manager('POST', '/items', { name: 'x', ...fields })).json().id;
  const low = await add({ sku: 'LOW', category_id: tea, unit_price: '0.10', reorder_point: 5 });
  const fine = await add({ sku: 'FINE', category_id: tea, unit_price: '0.20', reorder_point: 5 });
  const plain = await add({ sku: 'PLAIN', unit_price: '1000.0001' });
  await add({ sku: 'NONE', reorder_point: 1 });
  const receive = (lines: object[]) => manager('POST', '/stock/receive', { lines });
  await receive([
    { item_id: low, quantity: 2 },
    { item_id: low, location_id: attic, quantity: 3 },
  ]);
  await receive([
    { item_id: fine, quantity: 6 },
    { item_id: plain, quantity: 3 },
  ]);
  await manager('POST', '/stock/issue', { lines: [{ item_id: plain, quantity: 1 }] });
});
afterAll(() => api.close());

test('low stock: at or below the reorder point, in all locations together', async () => {
  const { data, next_cursor } = (await viewer('GET', '/reports/low-stock?limit=1')).json();
  expect(data).toMatchObject([{ sku: 'LOW', on_hand: 5, reorder_point: 5 }]);
  const rest = (await viewer('GET', `/reports/low-stock?limit=1&cursor=${next_cursor}`)).json();
  expect(rest).toMatchObject({ data: [{ sku: 'NONE', on_hand: 0 }], next_cursor: null });
});

const each = (units: number) => ({ units, quantities: [{ unit: 'each', on_hand: units }] });

test('valuation: exact to the last digit, in all and by category', async () => {
  expect((await viewer('GET', '/reports/valuation')).json()).toEqual({
    items: 3,
    units: 13,
    quantities: [{ unit: 'each', on_hand: 13 }],
    value: '2001.7002',
    categories: [
      { category_id: 1, category: 'Tea', items: 2, value: '1.70', ...each(11) },
      { category_id: null, category: null, items: 1, value: '2000.0002', ...each(2) },
    ],
  });
});

test('movements by day and kind', async () => {
  const report = (await viewer('GET', '/reports/movements-daily')).json();
  expect(report.days).toEqual([
    { day: report.to, kind: 'issue', unit: 'each', movements: 1, units_in: 0, units_out: 1 },
    { day: report.to, kind: 'receive', unit: 'each', movements: 4, units_in: 14, units_out: 0 },
  ]);
  expect(Date.parse(report.to) - Date.parse(report.from)).toBe(29 * 86_400_000);
  const past = await viewer('GET', '/reports/movements-daily?from=2020-01-01&to=2020-12-31');
  expect(past.json()).toEqual({ from: '2020-01-01', to: '2020-12-31', tz: 'UTC', days: [] });
});

test.each([
  'from=2020-01-02&to=2020-01-01',
  'from=2020-01-01&to=2021-01-01',
  'from=2020-02-30',
  'from=20200101',
  'to=0001-01-01',
])('a range that is none is refused: ?%s', async (query) => {
  expect((await viewer('GET', `/reports/movements-daily?${query}`)).statusCode).toBe(422);
});

test('reports of nothing', async () => {
  const empty = await startApi();
  try {
    const ask = empty.as('viewer');
    expect((await ask('GET', '/reports/valuation')).json()).toEqual({
      items: 0,
      units: 0,
      quantities: [],
      value: '0',
      categories: [],
    });
    expect((await ask('GET', '/reports/low-stock')).json()).toEqual({ data: [], next_cursor: null });
    expect((await ask('GET', '/reports/movements-daily')).json().days).toEqual([]);
  } finally {
    await empty.close();
  }
});
