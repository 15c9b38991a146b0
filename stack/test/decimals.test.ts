import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

// Items that are counted in kilograms, metres and litres.

let api: TestApi;
let manager: Ask;
let attic: number;
let itemNumber = 0;

beforeAll(async () => {
  api = await startApi({ RATE_LIMIT_PER_MINUTE: '1000000' });
  manager = api.as('manager');
  attic = (await manager('POST', '/locations', { code: 'attic', name: 'Attic' })).json().id;
});
afterAll(() => api.close());

const CSV = { 'content-type': 'text/csv' };

async function newItem(decimals: number, onHand = 0, unit = 'kg'): Promise<number> {
  itemNumber += 1;
  const fields = { sku: `D-${itemNumber}`, name: 'Flour', unit, decimals };
  const { id } = (await manager('POST', '/items', fields)).json();
  if (onHand > 0) await manager('POST', '/stock/receive', { lines: [{ item_id: id, quantity: onHand }] });
  return id;
}

const stockOf = async (id: number) => (await manager('GET', `/items/${id}/stock`)).json();
const setDecimals = (id: number, decimals: number, others: object = {}) =>
  manager('PATCH', `/items/${id}`, { decimals, ...others }, { 'if-match': '*' });

describe('a quantity', () => {
  test('comes, goes, moves and is counted with the decimals of its item', async () => {
    const id = await newItem(3, 1.5);
    const issued = await manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 0.25 }] });
    expect(issued.json().movements).toMatchObject([{ delta: -0.25, balance_after: 1.25 }]);
    expect(issued.body).toContain('"balance_after":1.25');
    await manager('POST', '/stock/transfer', {
      lines: [{ item_id: id, to_location_id: attic, quantity: 0.005 }],
    });
    await manager('POST', '/stock/adjust', { lines: [{ item_id: id, delta: -0.1 }], reason: 'spilt' });
    const counted = await manager('POST', '/stock/count', {
      lines: [
        { item_id: id, counted: 1.145 },
        { item_id: id, location_id: attic, counted: 0.3 },
      ],
    });
    expect(counted.json().movements).toMatchObject([{ delta: 0.295, balance_after: 0.3 }]);
    expect(await stockOf(id)).toMatchObject({
      on_hand: 1.445,
      locations: [{ location: 'attic', on_hand: 0.3 }, { on_hand: 1.145 }],
    });
    const { data } = (await manager('GET', `/items?stock=true&sku=D-${itemNumber}`)).json();
    expect(data).toMatchObject([{ decimals: 3, on_hand: 1.445 }]);
  });

  test.each([
    [0, 'receive', { quantity: 1.5 }, 'quantity', 'must be a whole number: the item has no decimals'],
    [3, 'issue', { quantity: 0.0005 }, 'quantity', 'has more decimals than the item, which has 3'],
    [2, 'count', { counted: 0.125 }, 'counted', 'has more decimals than the item, which has 2'],
    [1, 'adjust', { delta: -0.25 }, 'delta', 'has more decimals than the item, which has 1'],
    [
      0,
      'transfer',
      { quantity: 0.5, to_location_id: 2 },
      'quantity',
      'must be a whole number: the item has no decimals',
    ],
    [4, 'receive', { quantity: 0.1 + 0.2 }, 'quantity', 'must have at most 4 decimals'],
    [4, 'receive', { quantity: 1e-5 }, 'quantity', 'must have at most 4 decimals'],
    [4, 'count', { counted: 1e-5 }, 'counted', 'must have at most 4 decimals'],
  ])(
    'of an item with %i decimals is not rounded: %s %j',
    async (decimals, kind, quantity, field, message) => {
      const [plain, id] = [await newItem(4, 9), await newItem(decimals, 9)];
      const lines = [
        { item_id: plain, ...quantity },
        { item_id: id, ...quantity },
      ];
      const answer = await manager('POST', `/stock/${kind}`, {
        lines,
        ...(kind === 'adjust' && { reason: 'r' }),
      });
      expect(answer.json()).toMatchObject({ status: 422, code: 'invalid' });
      expect(answer.json().errors).toContainEqual(
        expect.objectContaining({ pointer: `/body/lines/1/${field}`, message }),
      );
      expect((await stockOf(plain)).on_hand).toBe(9);
      // The same alone, where another statement judges, and where the item was never.
      const alone = await manager('POST', `/stock/${kind}`, {
        lines: [{ item_id: await newItem(decimals), ...quantity }],
        ...(kind === 'adjust' && { reason: 'r' }),
      });
      expect(alone.json().errors).toMatchObject([{ pointer: `/body/lines/0/${field}`, message }]);
    },
  );

  test('is refused line by line, whatever the lines come to together', async () => {
    const id = await newItem(0, 5);
    const halves = await manager('POST', '/stock/issue', {
      lines: [
        { item_id: id, quantity: 1 },
        { item_id: id, quantity: 0.5 },
        { item_id: id, quantity: 0.5 },
      ],
    });
    expect(halves.json().errors).toMatchObject([{ pointer: '/body/lines/1/quantity', code: 'decimals' }]);
    const tenths = await newItem(1);
    const received = await manager('POST', '/stock/receive', {
      lines: [
        { item_id: tenths, quantity: 0.1 },
        { item_id: tenths, quantity: 0.2 },
      ],
    });
    expect(received.json().movements).toMatchObject([{ delta: 0.3 }]);
  });

  test.each([
    ['1.50000', 201, 1.5],
    ['1e3', 201, 1000],
    ['1E-4', 201, 0.0001],
    ['0.0001', 201, 0.0001],
    ['999999.9999', 201, 999_999.9999],
    ['1000000000', 422],
    ['1e21', 422],
    ['-0', 422],
    ['0.00004', 422],
    ['"1.5"', 422],
    ['"１"', 422],
    ['null', 422],
    ['[1.5]', 422],
    ['.5', 400],
    ['5.', 400],
    ['1,5', 400],
    ['NaN', 400],
    ['１', 400],
    ['0x10', 400],
    ['+1', 400],
  ])('in JSON as %s is answered with %i', async (text, status, onHand = 0) => {
    const id = await newItem(4);
    const answer = await manager(
      'POST',
      '/stock/receive',
      `{"lines":[{"item_id":${id},"quantity":${text}}]}`,
      {
        'content-type': 'application/json',
      },
    );
    expect(answer.statusCode, answer.body).toBe(status);
    expect((await stockOf(id)).on_hand).toBe(onHand);
  });

  test('is bounded by what a location holds, less where there are more decimals', async () => {
    const id = await newItem(4, 99_999_999.9999);
    const more = await manager('POST', '/stock/receive', { lines: [{ item_id: id, quantity: 0.0002 }] });
    expect(more.json()).toMatchObject({
      code: 'quantity_out_of_range',
      errors: [
        { message: expect.stringContaining('99999999.9999 on hand, 0.0002 more would exceed 100000000.') },
      ],
    });
    const counted = await manager('POST', '/stock/count', { lines: [{ item_id: id, counted: 1e9 }] });
    expect(counted.json()).toMatchObject({ status: 422, code: 'quantity_out_of_range' });
    expect((await stockOf(id)).on_hand).toBe(99_999_999.9999);
  });

  test('cannot be oversold by many at once', async () => {
    const id = await newItem(1, 3);
    const lines = [{ item_id: id, quantity: 0.3 }];
    const answers = await Promise.all(
      Array.from({ length: 25 }, () => manager('POST', '/stock/issue', { lines })),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(10);
    expect((await stockOf(id)).on_hand).toBe(0);
    expect(answers.find(({ statusCode }) => statusCode === 409)?.json().errors).toMatchObject([
      { message: expect.stringContaining('0 on hand, 0.3 asked for.') },
    ]);
  });

  test('is told to webhooks as the API shows it', async () => {
    await api.database.client.query(
      `INSERT INTO webhooks (url, events, secret, position, active) VALUES ('http://127.0.0.1/', '{stock.moved}', 'x', 0, false)`,
    );
    try {
      const id = await newItem(2, 0.25);
      await setDecimals(id, 3, { reorder_point: 0.125 });
      const { rows } = await api.database.client.query(
        'SELECT type, data FROM webhook_outbox UNION ALL SELECT type, data FROM webhook_events',
      );
      expect(rows).toContainEqual({
        type: 'stock.moved',
        data: expect.objectContaining({ movements: [expect.objectContaining({ item_id: id, delta: 0.25 })] }),
      });
      const data = expect.objectContaining({ id, decimals: 3, reorder_point: 0.125 });
      expect(rows).toContainEqual({ type: 'item.updated', data });
    } finally {
      await api.database.client.query('DELETE FROM webhooks');
    }
  });
});

describe('the decimals of an item', () => {
  test('are raised with its stock and its ledger, of which nothing is written anew', async () => {
    const id = await newItem(0, 12);
    await manager('POST', '/stock/transfer', {
      lines: [{ item_id: id, to_location_id: attic, quantity: 5 }],
    });
    const { group } = (
      await manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 2 }] })
    ).json();
    await manager('PATCH', `/items/${id}`, { reorder_point: 8 }, { 'if-match': '*' });
    const ledger = async () => (await manager('GET', `/items/${id}/movements`)).json().data;
    const [before, stock] = [await ledger(), await stockOf(id)];

    const raised = await setDecimals(id, 3);
    expect(raised.json()).toMatchObject({ decimals: 3, reorder_point: 8 });
    expect(await ledger()).toEqual(before);
    expect(await stockOf(id)).toEqual(stock);
    await manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 0.125 }] });
    const reversed = await manager('POST', `/movements/${group}/reverse`, {});
    expect(reversed.json().movements).toMatchObject([{ delta: 2, balance_after: 6.875 }]);
    expect((await manager('GET', '/stock/verify')).json()).toMatchObject({ clean: true });
    const [entry] = (await api.as('admin')('GET', `/audit?entity=item&entity_id=${id}`)).json().data;
    expect(entry.state).toMatchObject({ decimals: 3, reorder_point: 8 });
  });

  test('are not lowered where there was stock, nor below the reorder point', async () => {
    const id = await newItem(3, 1);
    await manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 1 }] });
    expect((await setDecimals(id, 2)).json()).toMatchObject({
      status: 409,
      code: 'in_stock',
      errors: [{ pointer: '/body/decimals' }],
    });
    const fresh = await newItem(3);
    await setDecimals(fresh, 3, { reorder_point: 2.5 });
    expect((await setDecimals(fresh, 0)).json().errors).toMatchObject([{ pointer: '/body/decimals' }]);
    expect((await setDecimals(fresh, 0, { reorder_point: 3 })).json()).toMatchObject({
      decimals: 0,
      reorder_point: 3,
    });
    const finer = await manager('PATCH', `/items/${fresh}`, { reorder_point: 0.5 }, { 'if-match': '*' });
    expect(finer.json().errors).toMatchObject([{ pointer: '/body/reorder_point', code: 'decimals' }]);
    expect((await setDecimals(4711, 2)).statusCode).toBe(404);
  });

  test('are not raised beyond what a location holds', async () => {
    const id = await newItem(0, 1e9);
    expect((await setDecimals(id, 4)).json()).toMatchObject({ status: 422, code: 'quantity_out_of_range' });
    expect(await stockOf(id)).toMatchObject({ on_hand: 1e9 });
    expect((await setDecimals(id, 3)).json()).toMatchObject({ decimals: 3 });
  });

  test('are raised while its stock moves, is counted and is opened elsewhere', async () => {
    const id = await newItem(0, 1000);
    const post = (path: string, line: object) => manager('POST', path, { lines: [{ item_id: id, ...line }] });
    const answers = await Promise.all(
      [1, 2, 3, 4].flatMap((decimals) => [
        ...Array.from({ length: 6 }, () => post('/stock/issue', { quantity: 2 })),
        post('/stock/transfer', { to_location_id: attic, quantity: 3 }),
        setDecimals(id, decimals),
        manager('POST', '/stock/receive', {
          lines: [1, attic].map((location_id) => ({ item_id: id, location_id, quantity: 1 })),
        }),
      ]),
    );
    const statuses = new Set(answers.map(({ statusCode }) => statusCode));
    // A patch that comes after one to more decimals would lower them.
    expect(
      [...statuses].every((status) => [200, 201, 409].includes(status)),
      [...statuses].join(),
    ).toBe(true);
    expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(4 * 8);
    expect(await stockOf(id)).toMatchObject({ on_hand: 1000 - 48 + 8 });
    expect((await manager('GET', '/stock/verify')).json()).toMatchObject({ clean: true });
  });

  test('are those of its levels, whoever writes them', async () => {
    const id = await newItem(2);
    const open = (decimals: number) =>
      api.database.client.query(
        'INSERT INTO stock_levels (item_id, location_id, decimals) VALUES ($1, 1, $2)',
        [id, decimals],
      );
    await expect(open(0)).rejects.toMatchObject({ constraint: 'stock_levels_item_id_fkey' });
    await open(2);
    await api.database.client.query('UPDATE items SET decimals = 3 WHERE id = $1', [id]);
    const { rows } = await api.database.client.query('SELECT decimals FROM stock_levels WHERE item_id = $1', [
      id,
    ]);
    expect(rows).toEqual([{ decimals: 3 }]);
    await expect(
      api.database.client.query('UPDATE items SET decimals = 5 WHERE id = $1', [id]),
    ).rejects.toMatchObject({ constraint: 'items_decimals_check' });
  });
});

describe('a file', () => {
  const upload = (file: string, query = 'mode=atomic') => manager('POST', `/imports?${query}`, file, CSV);
  const count = (file: string, query = 'mode=atomic') => manager('POST', `/stock/counts?${query}`, file, CSV);
  const find = async (sku: string) => (await manager('GET', `/items?sku=${sku}&stock=true`)).json().data[0];

  test('brings items with decimals in, and an export of them is unchanged', async () => {
    const taken = await upload(
      'sku,name,unit,decimals,quantity,reorder_point\nF-1,Flour,kg,3,1.250,0.5\nF-2,Oil,l,2,1.5000,\nF-3,Cup,each,,12,5\n',
    );
    expect(taken.json()).toMatchObject({ created: 3, stocked: 3, errors: 0 });
    expect(await find('F-1')).toMatchObject({ decimals: 3, on_hand: 1.25, reorder_point: 0.5 });
    expect(await find('F-2')).toMatchObject({ decimals: 2, on_hand: 1.5 });
    const { body } = await manager('GET', '/items/export.csv');
    const lines = body.trimEnd().split('\n');
    expect(lines[0]).toBe(
      'sku,name,unit,unit_price,quantity,reorder_point,category,supplier,barcode,decimals',
    );
    expect(lines.filter((line) => line.startsWith('F-'))).toEqual([
      'F-1,Flour,kg,0,1.250,0.500,,,,3',
      'F-2,Oil,l,0,1.50,0.00,,,,2',
      'F-3,Cup,each,0,12,5,,,,0',
    ]);
    const rows = lines.length - 1;
    expect((await upload(body)).json()).toMatchObject({
      rows,
      unchanged: rows,
      quantity_ignored: 0,
      errors: 0,
    });
  });

  test('raises decimals, and lowers none', async () => {
    await upload('sku,name,decimals,quantity\nG-1,Rope,0,7\nG-2,Wire,2,7.25\nG-3,Tape,2,\n');
    const lowered = await upload('sku,name,decimals\nG-1,Rope,2\nG-2,Wire,1\nG-3,Tape,0\n', 'mode=partial');
    const errors = await manager('GET', `/imports/${lowered.json().id}/errors.csv`);
    expect(errors.body).toContain('3,decimals,lowered,');
    expect(lowered.json()).toMatchObject({ updated: 2, errors: 1 });
    expect(await find('G-1')).toMatchObject({ decimals: 2, on_hand: 7 });
    expect(await find('G-3')).toMatchObject({ decimals: 0 });
    expect((await manager('GET', '/stock/verify')).json()).toMatchObject({ clean: true });
  });

  test.each([
    ['sku,name,decimals,quantity\nH,x,2,1.255\n', 'quantity', 'decimals'],
    ['sku,name,quantity\nH,x,1.5\n', 'quantity', 'decimals'],
    ['sku,name,quantity\nH,x,1.000\n', 'quantity', 'decimals'],
    ['sku,name,reorder_point\nH,x,0.5\n', 'reorder_point', 'decimals'],
    ['sku,name,decimals\nH,x,5\n', 'decimals', 'invalid'],
    ['sku,name,decimals,quantity\nH,x,4,.5\n', 'quantity', 'invalid'],
    ['sku,name,decimals,quantity\nH,x,4,5.\n', 'quantity', 'invalid'],
    ['sku,name,decimals,quantity\nH,x,4,1e3\n', 'quantity', 'invalid'],
    ['sku,name,decimals,quantity\nH,x,4,"1,5"\n', 'quantity', 'invalid'],
    ['sku,name,decimals,quantity\nH,x,4,１\n', 'quantity', 'invalid'],
    ['sku,name,decimals,quantity\nH,x,4,NaN\n', 'quantity', 'invalid'],
    ['sku,name,decimals,quantity\nH,x,4,-0\n', 'quantity', 'invalid'],
    ['sku,name,decimals,quantity\nH,x,4,100000000.0001\n', 'quantity', 'out_of_range'],
    ['sku\tname\tdecimals\tquantity\nH\tx\t3\t1,250\n', 'quantity', 'invalid'],
    ['sku;name;decimals;quantity\nH;x;3;1.250\n', 'quantity', 'ambiguous'],
    ['sku;name;quantity\nH;x;1,5\n', 'quantity', 'decimals'],
  ])('is refused where it would be rounded or guessed: %j', async (file, column, code) => {
    const refused = await upload(file);
    expect(refused.json().errors).toMatchObject([{ pointer: `/rows/2/${column}`, code }]);
  });

  test.each([
    ['sku;name;decimals;quantity\nK-1;x;3;1,250\n', 1.25],
    ['sku;name;decimals;quantity\nK-2;x;3;0.250\n', 0.25],
    ['sku;name;decimals;quantity\nK-3;x;1;1250\n', 1250],
    ['sku\tname\tdecimals\tquantity\nK-4\tx\t3\t1,25\n', 1.25],
    ['sku,name,decimals,quantity\nK-5,x,3,1.250\n', 1.25],
    ['sku,name,decimals,quantity\nK-6,x,4,99999999.9999\n', 99_999_999.9999],
  ])('has decimals as its cells are separated: %j', async (file, onHand) => {
    expect((await upload(file)).json()).toMatchObject({ created: 1, stocked: 1 });
    expect(await find(/K-\d/.exec(file)?.[0] as string)).toMatchObject({ on_hand: onHand });
  });

  test('of counts has decimals too', async () => {
    await upload('sku,name,decimals,quantity\nC-1,x,3,1.5\nC-2,x,0,4\nC-3,x,2,\n');
    const dry = await count('sku;counted\nC-1;1,250\nC-2;4\nC-3;0,5\n', 'mode=dry-run');
    expect(dry.json()).toMatchObject({ updated: 2, unchanged: 1 });
    const { body } = await manager('GET', `/imports/${dry.json().id}/errors.csv`);
    expect(body).toContain('would change 1.500 on hand by -0.250');
    expect(body).toContain('would change 0.00 on hand by +0.50');
    const refused = await count('sku,counted\nC-1,1.2505\nC-2,4.5\nC-3,0.500\n');
    expect(refused.json().errors).toMatchObject([
      { pointer: '/rows/2/counted', code: 'decimals' },
      { pointer: '/rows/3/counted', code: 'decimals' },
    ]);
    const booked = await count('sku,counted\nC-1,1.25\nC-2,4\nC-3,0.500\n');
    expect(booked.json()).toMatchObject({ status: 'applied', updated: 2 });
    expect((await find('C-1')).on_hand).toBe(1.25);
    expect((await find('C-3')).on_hand).toBe(0.5);
    expect((await manager('GET', '/stock/verify')).json()).toMatchObject({ clean: true });
  });
});

test('reports sum what has one unit, and nothing else', async () => {
  const own = await startApi();
  try {
    const ask = own.as('manager');
    const add = async (fields: object) => (await ask('POST', '/items', { name: 'x', ...fields })).json().id;
    const items = [
      await add({ sku: 'A', unit: 'kg', decimals: 3, unit_price: '2.55', reorder_point: 1.5 }),
      await add({ sku: 'B', unit: 'kg' }),
      await add({ sku: 'C', unit_price: '0.10' }),
    ];
    const lines = [1.235, 2, 7].map((quantity, index) => ({ item_id: items[index], quantity }));
    await ask('POST', '/stock/receive', { lines });
    const held = [
      { unit: 'each', on_hand: 7 },
      { unit: 'kg', on_hand: 3.235 },
    ];
    expect((await ask('GET', '/reports/valuation')).json()).toEqual({
      items: 3,
      units: null,
      quantities: held,
      value: '3.84925',
      categories: [
        { category_id: null, category: null, items: 3, units: null, quantities: held, value: '3.84925' },
      ],
    });
    const { days } = (await ask('GET', '/reports/movements-daily')).json();
    expect(days).toMatchObject([
      { kind: 'receive', unit: 'each', movements: 1, units_in: 7, units_out: 0 },
      { kind: 'receive', unit: 'kg', movements: 2, units_in: 3.235, units_out: 0 },
    ]);
    expect((await ask('GET', '/reports/low-stock')).json().data).toMatchObject([
      { sku: 'A', unit: 'kg', decimals: 3, on_hand: 1.235, reorder_point: 1.5 },
    ]);
  } finally {
    await own.close();
  }
});
