import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

let api: TestApi;
let viewer: Ask;

beforeAll(async () => {
  api = await startApi();
  viewer = api.as('viewer');
  await api.database.client.query(
    `INSERT INTO items (sku, name, reorder_point) SELECT 'S-' || n, 'Thing ' || n, n % 2 FROM generate_series(1, 250) AS n`,
  );
  const lines = Array.from({ length: 5 }, (_, n) => ({ item_id: n + 1, quantity: 3 }));
  await api.as('manager')('POST', '/stock/receive', { lines });
});
afterAll(() => api.close());

test.each([
  ['/items?limit=10', 250],
  ['/items?search=thing 24&limit=1', 11],
  ['/items?sku=S-7', 1],
  ['/items?archived=true', 0],
  ['/movements?limit=2', 5],
  ['/movements?kind=issue', 0],
  ['/items/1/movements', 1],
  ['/reports/low-stock?limit=3', 122],
])('%s: %i in all, on every page, when it is asked for', async (path, total) => {
  const url = path.replaceAll(' ', '%20');
  const plain = (await viewer('GET', url)).json();
  expect(plain).not.toHaveProperty('total');
  const counted = (await viewer('GET', `${url}${url.includes('?') ? '&' : '?'}total=true`)).json();
  expect(counted).toEqual({ ...plain, total });
  if (plain.next_cursor) {
    const next = await viewer('GET', `${url}&total=true&cursor=${plain.next_cursor}`);
    expect(next.json().total).toBe(total);
  }
});

test('an item list has what is in stock of each item beside its total', async () => {
  const { data, total } = (await viewer('GET', '/items?sort=id&limit=2&stock=true&total=true')).json();
  expect([data[0].on_hand, total]).toEqual([3, 250]);
});

test('a download begins with a byte order mark where that is asked for, and comes in again', async () => {
  const plain = await viewer('GET', '/items/export.csv');
  const marked = await viewer('GET', '/items/export.csv?bom=true');
  expect(plain.rawPayload[0]).not.toBe(0xef);
  expect([...marked.rawPayload.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
  expect(marked.rawPayload.subarray(3)).toEqual(plain.rawPayload);
  const again = await api.as('manager')('POST', '/imports', marked.rawPayload, {
    'content-type': 'text/csv',
  });
  expect(again.json()).toMatchObject({ status: 'applied', rows: 250, unchanged: 250, errors: 0 });
});
