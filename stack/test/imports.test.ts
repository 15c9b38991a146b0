import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

let api: TestApi;
let manager: Ask;

beforeEach(async () => {
  api = await startApi();
  manager = api.as('manager');
});
afterEach(() => api.close());

const CSV = { 'content-type': 'text/csv; charset=utf-8' };
const upload = (text: string, query = '', headers: Record<string, string> = CSV) =>
  manager('POST', `/imports${query}`, text, headers);

const GOOD = 'sku,name,unit_price,quantity\nA,"one, two",1.5,5\nB,=1+1,0,0\n';
const FLAWED = 'sku,name,quantity\nA,one,5\nA,two,x\n';

test('an import is on record and can be read again', async () => {
  const taken = await upload(GOOD);
  expect(taken.statusCode, taken.body).toBe(201);
  expect(taken.json()).toMatchObject({
    source: 'upload',
    mode: 'atomic',
    status: 'applied',
    rows: 2,
    created: 2,
    stocked: 1,
    errors: 0,
    bytes: GOOD.length,
  });
  const read = await api.as('viewer')('GET', `/imports/${taken.json().id}`);
  expect(read.json()).toEqual(taken.json());
  const entries = (await api.as('admin')('GET', '/audit?entity=import')).json().data;
  expect(entries).toMatchObject([{ action: 'import', request_id: taken.headers['x-request-id'] }]);
});

test('a rejected one answers with all flaws, which are there as CSV as well', async () => {
  const refused = await upload(FLAWED);
  expect(refused.statusCode).toBe(422);
  expect(refused.json()).toMatchObject({
    code: 'import_rejected',
    import: { status: 'rejected', rows: 2, errors: 2 },
    errors: [
      {
        pointer: '/rows/3/quantity',
        code: 'invalid',
        message: 'must be a number such as 12 or 1.5',
      },
      { pointer: '/rows/3/sku', code: 'duplicate', message: 'is in row 2 already' },
    ],
  });
  const csv = await api.as('viewer')('GET', refused.json().errors_csv.replace('/api/v1', ''));
  expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
  expect(parse(csv.body, { columns: true })).toEqual([
    {
      row: '3',
      column: 'quantity',
      code: 'invalid',
      message: 'must be a number such as 12 or 1.5',
      value: 'x',
      severity: 'error',
    },
    {
      row: '3',
      column: 'sku',
      code: 'duplicate',
      message: 'is in row 2 already',
      value: 'A',
      severity: 'error',
    },
  ]);
});

test('modes: a dry run changes nothing, partial takes what is good', async () => {
  const dry = await upload(FLAWED, '?mode=dry-run');
  expect(dry.statusCode).toBe(200);
  expect(dry.json()).toMatchObject({ status: 'checked', created: 1, errors: 2 });
  expect((await manager('GET', '/items')).json().data).toEqual([]);
  const partial = await upload(FLAWED, '?mode=partial');
  expect(partial.statusCode).toBe(201);
  expect(partial.json()).toMatchObject({ status: 'applied', created: 1, errors: 2 });
  expect((await manager('GET', '/items')).json().data).toHaveLength(1);
});

describe('what is refused', () => {
  test.each([
    ['another mode', GOOD, '?mode=all', CSV, 422],
    ['no CSV', 'PK\u0003\u0004\u0000', '', CSV, 422],
    ['no file', '', '', CSV, 422],
    ['JSON', '{}', '', { 'content-type': 'application/json' }, 415],
    ['another type', GOOD, '', { 'content-type': 'application/zip' }, 415],
  ])('%s', async (_name, text, query, headers, status) => {
    const answer = await upload(text, query, headers as Record<string, string>);
    expect(answer.statusCode, answer.body).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  test('a viewer', async () => {
    expect((await api.as('viewer')('POST', '/imports', GOOD, CSV)).statusCode).toBe(403);
  });

  test('an import that is not there', async () => {
    expect((await manager('GET', '/imports/4711')).statusCode).toBe(404);
    expect((await manager('GET', '/imports/4711/errors.csv')).statusCode).toBe(404);
  });
});

test('an export is what an import takes', async () => {
  await upload(readFileSync(new URL('../data/new_inventory.csv', import.meta.url), 'utf8'));
  const exported = await api.as('viewer')('GET', '/items/export.csv');
  expect(exported.headers['content-type']).toBe('text/csv; charset=utf-8');
  const rows = parse(exported.body, { columns: true });
  expect(rows).toHaveLength(2733);
  expect(rows[0]).toEqual({
    sku: '10002',
    name: 'INFLATABLE POLITICAL GLOBE',
    unit: 'each',
    unit_price: '1.66',
    quantity: '312',
    reorder_point: '57',
    category: '',
    supplier: '',
    barcode: '',
    decimals: '0',
  });
  expect((await upload(exported.body)).json()).toMatchObject({ rows: 2733, unchanged: 2733, stocked: 0 });

  const other = await startApi();
  try {
    await other.as('manager')('POST', '/imports', exported.body, CSV);
    expect((await other.as('viewer')('GET', '/items/export.csv')).body).toBe(exported.body);
  } finally {
    await other.close();
  }
});
