import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from '../api.js';

// What the API takes, its export says, and an import finds unchanged.

let api: TestApi;
let manager: Ask;

beforeAll(async () => {
  api = await startApi({ RATE_LIMIT_PER_MINUTE: '1000000' });
  manager = api.as('manager');
});
afterAll(() => api.close());

const CSV = { 'content-type': 'text/csv' };
const exported = async () => (await manager('GET', '/items/export.csv')).body;

const UGLY = [
  '=1+1',
  "'=1+1",
  "''=1",
  '+1',
  '-5',
  "'-5",
  '-5-',
  '@a',
  '＝1',
  '"',
  '""',
  'a,b',
  'a;b',
  '\\.',
  '\\N',
  "'",
  "'a",
  '#N/A',
  'a  b',
  'x\u200db',
  'é',
  '\u{1f375}'.repeat(20),
  '0123',
  '1e5',
  'TRUE',
  '-',
  '--',
  '5.0',
  'sep=;',
  'ﬁ',
  'NULL',
];
const text = (maximum: number) =>
  fc.oneof(
    fc.constantFrom(...UGLY),
    fc.string({ minLength: 1, maxLength: maximum, unit: 'binary' }),
    fc.string({ minLength: 1, maxLength: maximum, unit: 'grapheme' }),
    fc.string({ minLength: 1, maxLength: maximum }),
  );
const item = fc.record(
  {
    sku: text(64),
    name: text(200),
    unit: text(20),
    barcode: text(64),
    unit_price: fc.constantFrom('0', '0.0001', '999999999.9999', '2.50', '-1', '1,5'),
    reorder_point: fc.constantFrom(0, 1, 0.5, 12.3456, 0.0001, 999_999_999, 1_000_000_000, 1_000_000_001),
    decimals: fc.constantFrom(0, 0, 1, 4),
  },
  { requiredKeys: ['sku', 'name'] },
);

test('any items that are made, exported and imported are all unchanged', async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(item, async (fields) => {
      const { statusCode, body } = await manager('POST', '/items', fields);
      expect([201, 409, 422], body).toContain(statusCode);
      if (statusCode === 201) taken += 1;
    }),
    { numRuns: 600 },
  );
  const { rows } = await api.database.client.query('SELECT id FROM items ORDER BY id LIMIT 3');
  await api.database.client.query(`INSERT INTO locations (code, name) VALUES ('attic', 'Attic')`);
  // At one location, at another, and more in all than one may hold.
  await api.database.client.query(
    `INSERT INTO stock_levels (item_id, location_id, on_hand, decimals)
     SELECT items.id, location_id, on_hand, decimals FROM items
     JOIN (VALUES ($1::bigint, 1, 7), ($2, 2, 5), ($3, 1, 1e12), ($3, 2, 1e12)) AS level (item_id, location_id, on_hand)
       ON item_id = items.id`,
    rows.map(({ id }) => id),
  );
  expect(taken).toBeGreaterThan(60);
  const before = await exported();
  const outcome = await manager('POST', '/imports', before, CSV);
  expect(outcome.statusCode, outcome.body).toBe(201);
  expect(outcome.json()).toMatchObject({
    rows: taken,
    unchanged: taken,
    created: 0,
    updated: 0,
    stocked: 0,
    errors: 0,
    quantity_ignored: 0,
  });
  expect(await exported()).toBe(before);
});

describe('what no file could say is refused everywhere', () => {
  test.each([
    'T-1 ',
    ' T-1',
    '\u00a0T-1',
    'T-1\u00a0',
    'T\u00a01',
    '\u200bT-1',
    'T\u200b1',
    'T-1\ufeff',
    'T\u202e1',
    'T\t1',
    'T\n1',
    'e\u0301',
    '\ud800',
    '5.01E+12',
    '5,01e+12',
    '\u2028',
    '',
  ])('as a SKU: %j', async (sku) => {
    expect((await manager('POST', '/items', { sku, name: 'x' })).statusCode).toBe(422);
  });
  test.each(['a ', ' a', '\u00a0a', 'a\u200b', 'e\u0301', 'a\u0000', '\ud800', '\u2028'])(
    'as a name: %j',
    async (name) => {
      expect((await manager('POST', '/items', { sku: 'NAMED', name })).statusCode).toBe(422);
      expect((await manager('POST', '/categories', { name })).statusCode).toBe(422);
    },
  );
});

test('formulas do not leave as such, and numbers stay numbers', async () => {
  const other = await startApi();
  try {
    await other.as('manager')('POST', '/items', {
      sku: '=1+1',
      name: '=HYPERLINK("http://x","y")',
      barcode: '-5',
    });
    const { body } = await other.as('viewer')('GET', '/items/export.csv');
    expect(body.split('\n')[1]).toBe(`'=1+1,"'=HYPERLINK(""http://x"",""y"")",each,0,0,0,,,-5,0`);
    const flawed = 'sku,name,quantity\nA,a,=cmd()\nB,b,-5\nC,c,"\tx"\n';
    const refused = await other.as('manager')('POST', '/imports', flawed, CSV);
    const errors = await other.as('viewer')('GET', refused.json().errors_csv.replace('/api/v1', ''));
    expect(errors.body).toContain(`,'=cmd(),`);
    expect(errors.body).toContain(',-5,');
  } finally {
    await other.close();
  }
});
