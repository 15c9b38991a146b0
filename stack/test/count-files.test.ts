import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

let api: TestApi;
let attic: number;

const manager: Ask = (...request) => api.as('manager')(...request);
const upload = (text: string | Buffer, query = '') =>
  manager('POST', `/stock/counts${query}`, text, { 'content-type': 'text/csv' });

beforeAll(async () => {
  api = await startApi({ RATE_LIMIT_PER_MINUTE: '100000' });
  attic = (await manager('POST', '/locations', { code: 'attic', name: 'Attic' })).json().id;
});
afterAll(() => api.close());

let A: number;
let B: number;
let number = 0;
/** SKUs of this test: A has 10 at main and 5 in the attic, B has never been anywhere. */
const sku = (letter: string) => `${letter}-${number}`;

beforeEach(async () => {
  number += 1;
  A = (await manager('POST', '/items', { sku: sku('A'), name: 'one', barcode: `50${number}` })).json().id;
  B = (await manager('POST', '/items', { sku: sku('B'), name: 'two' })).json().id;
  await manager('POST', '/stock/receive', {
    lines: [
      { item_id: A, quantity: 10 },
      { item_id: A, location_id: attic, quantity: 5 },
    ],
  });
});

async function stockOf(id: number): Promise<Record<string, number>> {
  const { locations } = (await manager('GET', `/items/${id}/stock`)).json();
  return Object.fromEntries(
    locations.map(({ location, on_hand }: { location: string; on_hand: number }) => [location, on_hand]),
  );
}

async function flawsOf(id: number) {
  const { body } = await manager('GET', `/imports/${id}/errors.csv`);
  return (parse(body, { columns: true }) as Record<string, string>[]).map(
    ({ row, column, code, severity }) => `${row} ${column} ${code} ${severity}`,
  );
}

const verified = async () => (await manager('GET', '/stock/verify')).json();

test('each row sets one level, all in one group of movements; what was right gets none', async () => {
  const taken = await upload(
    `sku,location,counted\n${sku('A')},main,7\n${sku('A')},attic,5\n${sku('B')},attic,3\n`,
    '?reason=yearly&reference=ST-2026',
  );
  expect(taken.statusCode, taken.body).toBe(201);
  expect(taken.json()).toMatchObject({
    kind: 'counts',
    mode: 'atomic',
    status: 'applied',
    rows: 3,
    updated: 2,
    unchanged: 1,
    errors: 0,
  });
  expect(await stockOf(A)).toEqual({ main: 7, attic: 5 });
  expect(await stockOf(B)).toEqual({ attic: 3 });
  const { data } = (await manager('GET', '/movements?kind=count&limit=2')).json();
  expect(data).toMatchObject([
    { item_id: B, delta: 3, balance_after: 3, reason: 'yearly', reference: 'ST-2026' },
    { item_id: A, delta: -3, balance_after: 7, reason: 'yearly', reference: 'ST-2026' },
  ]);
  expect(data[0].group).toBe(data[1].group);
  expect(await verified()).toMatchObject({ clean: true });
  // So a whole stocktake is taken back like any other operation.
  expect((await manager('POST', `/movements/${data[0].group}/reverse`, {})).statusCode).toBe(201);
  expect(await stockOf(A)).toEqual({ main: 10, attic: 5 });
});

test('a dry run changes nothing, and says what would change', async () => {
  const checked = await upload(`sku,counted\n${sku('A')},12\n${sku('B')},0\n`, '?mode=dry-run');
  expect(checked.statusCode).toBe(200);
  expect(checked.json()).toMatchObject({ status: 'checked', rows: 2, updated: 1, unchanged: 1 });
  const { body } = await manager('GET', `/imports/${checked.json().id}/errors.csv`);
  expect(body).toContain('2,counted,differs,would change 10 on hand by +2,12,warning');
  expect(await stockOf(A)).toEqual({ main: 10, attic: 5 });
  expect(await stockOf(B)).toEqual({});
  const { data } = (await manager('GET', '/imports?kind=counts&status=checked&limit=1')).json();
  expect(data).toEqual([checked.json()]);
});

test('every flaw is named by its row, and an atomic file with one changes nothing', async () => {
  const gone = (await manager('POST', '/items', { sku: sku('G'), name: 'gone' })).json().id;
  await manager('DELETE', `/items/${gone}`, undefined, { 'if-match': '*' });
  const file = [
    'sku,barcode,location,counted',
    `${sku('A')},,main,7`,
    `nothing,,main,1`,
    `${sku('G')},,main,1`,
    `${sku('A')},,cellar,1`,
    `${sku('B')},50${number},main,1`,
    `,50${number},main,8`,
    `,,main,1`,
    `${sku('B')},,attic,-1`,
    `${sku('B')},,attic,1.5`,
    `${sku('B')},,attic,`,
    `${sku('B')},,attic,1000000001`,
    `${sku('B')},,attic,4`,
  ].join('\n');
  const refused = await upload(file);
  expect(refused.statusCode).toBe(422);
  expect(refused.json()).toMatchObject({
    code: 'import_rejected',
    import: { kind: 'counts', status: 'rejected', rows: 12, errors: 10 },
  });
  const { id } = refused.json().import;
  expect(await flawsOf(id)).toEqual([
    '3 sku unknown error',
    '4 sku archived error',
    '5 location unknown error',
    '6 barcode mismatch error',
    '7 barcode duplicate error',
    '8 sku missing error',
    '9 counted invalid error',
    '10 counted decimals error',
    '11 counted missing error',
    '12 counted invalid error',
  ]);
  expect(await stockOf(A)).toEqual({ main: 10, attic: 5 });
  // No level was opened, which would keep an import from bringing opening stock.
  expect(await stockOf(B)).toEqual({});

  const partial = await upload(file, '?mode=partial');
  expect(partial.json()).toMatchObject({ status: 'applied', updated: 2, errors: 10 });
  expect(await stockOf(A)).toEqual({ main: 7, attic: 5 });
  expect(await stockOf(B)).toEqual({ attic: 4 });
  expect(await verified()).toMatchObject({ clean: true });
});

describe('a file', () => {
  test('of a scanner has barcodes alone, and one place that the query names', async () => {
    const taken = await upload(`EAN;Qty\r\n50${number};2\r\n`, `?location_id=${attic}`);
    expect(taken.statusCode, taken.body).toBe(201);
    expect(await stockOf(A)).toEqual({ main: 10, attic: 2 });
    expect((await upload('sku,counted\nx,1\n', '?location_id=99999')).json().errors).toMatchObject([
      { pointer: '/query/location_id', code: 'unknown' },
    ]);
  });

  test('may be an export with a column more, whose quantity is not what was counted', async () => {
    const exported = (await manager('GET', '/items/export.csv')).body.trimEnd().split('\n');
    const [header, ...rows] = exported as [string, ...string[]];
    const mine = rows.filter((row) => row.startsWith(`${sku('A')},`));
    const taken = await upload(`\ufeff${header},Counted\n${mine.map((row) => `${row},11`).join('\n')}\n`);
    expect(taken.statusCode, taken.body).toBe(201);
    expect(taken.json().ignored_columns).toContain('quantity');
    expect((await stockOf(A)).main).toBe(11);
  });

  test('says what its columns are, or has it said', async () => {
    const text = `Artikel;Gezählt;Wer\n${sku('A')};9;Jürgen\n`;
    expect((await upload(Buffer.from(text, 'latin1'))).json().errors.map(codeOf)).toEqual([
      'unknown_column',
      'unknown_column',
      'unknown_column',
      'missing_column',
      'missing_column',
    ]);
    const columns = encodeURIComponent('{"Artikel": "sku", "Gezählt": "counted"}');
    const taken = await upload(Buffer.from(text, 'latin1'), `?columns=${columns}&other_columns=ignore`);
    expect(taken.statusCode, taken.body).toBe(201);
    expect((await stockOf(A)).main).toBe(9);
    const wrong = encodeURIComponent('{"Artikel": "name"}');
    expect((await upload(text, `?columns=${wrong}`)).json().errors[0].code).toBe('mapping');
  });

  test.each([
    ['sku,location\nx,main\n', 'missing_column'],
    ['location,counted\nmain,1\n', 'missing_column'],
    ['sku,counted,count\nx,1,1\n', 'duplicate_column'],
    ['', 'empty_file'],
  ])('%j is refused', async (text, code) => {
    const refused = await upload(text);
    expect(refused.statusCode).toBe(422);
    expect(refused.json().errors.map(codeOf)).toContain(code);
  });
});

const codeOf = ({ code }: { readonly code: string }) => code;

test('is for those who may write', async () => {
  const refused = await api.as('viewer')('POST', '/stock/counts', 'sku,counted\nx,1\n', {
    'content-type': 'text/csv',
  });
  expect(refused.statusCode).toBe(403);
});

test('beside others who issue and count the same, the ledger stays whole', async () => {
  const rows = Array.from({ length: 40 }, (_, index) => `${sku(`S${index}`)}`);
  const ids = await Promise.all(
    rows.map(async (name) => (await manager('POST', '/items', { sku: name, name })).json().id as number),
  );
  await manager('POST', '/stock/receive', { lines: ids.map((id) => ({ item_id: id, quantity: 1000 })) });
  const file = (counted: number, order: readonly string[]) =>
    `sku,counted\n${order.map((name) => `${name},${counted}`).join('\n')}\n`;
  const answers = await Promise.all([
    upload(file(500, rows)),
    ...ids
      .slice(0, 20)
      .map((id) => manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 1 }] })),
    upload(file(600, [...rows].reverse())),
    ...ids.slice(20).map((id) => manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 1 }] })),
  ]);
  expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([201]));
  expect(await verified()).toMatchObject({ clean: true });
});

test('20,000 rows take seconds', async () => {
  await api.database.client.query(
    `INSERT INTO items (sku, name) SELECT 'bulk-' || n, 'x' FROM generate_series(1, 20000) AS n`,
  );
  const file = `sku,counted\n${Array.from({ length: 20_000 }, (_, n) => `bulk-${n + 1},${n}`).join('\n')}\n`;
  const started = performance.now();
  const taken = await upload(file);
  expect(taken.json()).toMatchObject({ rows: 20_000, updated: 19_999, unchanged: 1 });
  expect(performance.now() - started).toBeLessThan(20_000);
  expect(await verified()).toMatchObject({ clean: true });
});
