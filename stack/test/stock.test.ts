import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from './api.js';

let api: TestApi;
let itemNumber = 0;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const post = (path: string, body: object, headers = {}) =>
  api.as('manager')('POST', `/stock/${path}`, body, headers);

async function newItem(onHand = 0): Promise<number> {
  itemNumber += 1;
  const { id } = (
    await api.as('manager')('POST', '/items', { sku: `S-${itemNumber}`, name: 'Thing' })
  ).json();
  if (onHand > 0) await post('receive', { lines: [{ item_id: id, quantity: onHand }] });
  return id;
}

async function stockOf(id: number): Promise<{ on_hand: number; locations: unknown[] }> {
  return (await api.as('viewer')('GET', `/items/${id}/stock`)).json();
}

async function movementsOf(id: number): Promise<{ delta: number; balance_after: number; kind: string }[]> {
  const { rows } = await api.database.client.query(
    'SELECT delta::int, balance_after::int, kind FROM movements WHERE item_id = $1 ORDER BY id',
    [id],
  );
  return rows;
}

describe('receive and issue', () => {
  test('move stock and say what is left', async () => {
    const id = await newItem(10);
    const issued = await post('issue', { lines: [{ item_id: id, quantity: 3 }], reference: 'SO-1' });
    expect(issued.statusCode, issued.body).toBe(201);
    expect(issued.json()).toEqual({
      group: expect.any(Number),
      kind: 'issue',
      reason: null,
      reference: 'SO-1',
      reverses: null,
      actor_id: expect.any(Number),
      movements: [
        {
          id: expect.any(Number),
          item_id: id,
          location_id: 1,
          delta: -3,
          balance_after: 7,
          created_at: expect.any(String),
        },
      ],
    });
    expect(await stockOf(id)).toEqual({
      item_id: id,
      on_hand: 7,
      locations: [{ location_id: 1, location: 'main', on_hand: 7 }],
    });
  });

  test('refuse more than there is', async () => {
    const id = await newItem(3);
    const issued = await post('issue', { lines: [{ item_id: id, quantity: 4 }] });
    expect(issued.statusCode).toBe(409);
    expect(issued.headers['content-type']).toContain('application/problem+json');
    expect(issued.json()).toMatchObject({
      code: 'insufficient_stock',
      errors: [{ message: `Item ${id} at location 1: 3 on hand, 4 asked for.` }],
    });
    expect((await post('issue', { lines: [{ item_id: id, quantity: 3 }] })).statusCode).toBe(201);
  });

  test('are all lines or none', async () => {
    const [rich, poor] = [await newItem(10), await newItem(1)];
    const lines = [
      { item_id: rich, quantity: 5 },
      { item_id: poor, quantity: 2 },
    ];
    const refused = await post('issue', { lines });
    expect(refused.statusCode).toBe(409);
    expect(refused.json().errors).toHaveLength(1);
    expect((await stockOf(rich)).on_hand).toBe(10);
    expect(await movementsOf(rich)).toHaveLength(1);
  });

  test('sum lines of the same item', async () => {
    const id = await newItem(5);
    const line = { item_id: id, quantity: 3 };
    expect((await post('issue', { lines: [line, line] })).statusCode).toBe(409);
    const received = await post('receive', { lines: [line, line] });
    expect(received.json().movements).toMatchObject([{ delta: 6, balance_after: 11 }]);
  });

  test('name every unknown item and location', async () => {
    const id = await newItem();
    const answer = await post('receive', {
      lines: [
        { item_id: 987_654, quantity: 1 },
        { item_id: id, location_id: 42, quantity: 1 },
      ],
    });
    expect(answer.statusCode).toBe(422);
    expect(
      answer
        .json()
        .errors.map(({ code }: { code: string }) => code)
        .sort(),
    ).toEqual(['unknown_item', 'unknown_location']);
  });

  test('keep stock below its bound', async () => {
    const id = await newItem();
    await api.database.client.query(
      'INSERT INTO stock_levels (item_id, location_id, on_hand) VALUES ($1, 1, 1e12)',
      [id],
    );
    const answer = await post('receive', { lines: [{ item_id: id, quantity: 1 }] });
    expect(answer.statusCode).toBe(422);
    expect(answer.json().code).toBe('quantity_out_of_range');
  });

  test.each([
    {},
    { lines: [] },
    { lines: [{ item_id: 1, quantity: 0 }] },
    { lines: [{ item_id: 1, quantity: -1 }] },
    { lines: [{ item_id: 1, quantity: 1.5 }] },
    { lines: [{ item_id: 1, quantity: 1e9 + 1 }] },
    { lines: [{ item_id: 1, quantity: '1' }] },
    { lines: Array(501).fill({ item_id: 1, quantity: 1 }) },
  ])('refuse %j', async (body) => {
    expect((await post('receive', body)).statusCode).toBe(422);
  });

  test('refuse NaN, which no JSON has', async () => {
    const answer = await post('receive', '{"lines":[{"item_id":1,"quantity":NaN}]}' as never, {
      'content-type': 'application/json',
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().status).toBe(400);
  });
});

describe('the ledger', () => {
  test('is append-only', async () => {
    const id = await newItem(1);
    for (const change of ['UPDATE movements SET delta = 2', 'DELETE FROM movements', 'TRUNCATE movements']) {
      await expect(api.database.client.query(change), change).rejects.toThrow(/append-only/);
    }
    expect(await movementsOf(id)).toEqual([{ delta: 1, balance_after: 1, kind: 'receive' }]);
  });

  test('never oversells, however many ask at once', async () => {
    const id = await newItem(20);
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => post('issue', { lines: [{ item_id: id, quantity: 1 }] })),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(20);
    expect(answers.filter(({ statusCode }) => statusCode === 409)).toHaveLength(40);
    const balances = (await movementsOf(id)).map(({ balance_after }) => balance_after);
    expect(balances).toEqual([20, ...Array.from({ length: 20 }, (_, index) => 19 - index)]);
  });

  test('opens a level once, however many receive first at once', async () => {
    const id = await newItem();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post('receive', { lines: [{ item_id: id, quantity: 2 }] })),
    );
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(20).fill(201));
    expect((await stockOf(id)).on_hand).toBe(40);
  });

  test('locks in one order: who waits for the first level holds no other', async () => {
    const ids: number[] = [];
    for (let n = 0; n < 8; n += 1) ids.push(await newItem(10));
    const { client } = api.database;
    await client.query('BEGIN');
    await client.query('SELECT FROM stock_levels WHERE item_id = $1 FOR UPDATE', [ids[0]]);
    const issued = post('issue', { lines: ids.toReversed().map((item_id) => ({ item_id, quantity: 1 })) });
    await api.database.untilBlocked(1);
    const others = ids.slice(1);
    const { rows } = await client.query(
      'SELECT FROM stock_levels WHERE item_id = ANY ($1) FOR UPDATE SKIP LOCKED',
      [others],
    );
    await client.query('COMMIT');
    expect((await issued).statusCode).toBe(201);
    expect(rows).toHaveLength(others.length);
  });

  test('takes crossing operations on the same items at once', async () => {
    const ids = [await newItem(100), await newItem(100), await newItem(100)];
    const lines = ids.map((item_id) => ({ item_id, quantity: 1 }));
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        post('issue', { lines: index % 2 ? lines : lines.toReversed() }),
      ),
    );
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(60).fill(201));
    for (const id of ids) expect((await stockOf(id)).on_hand).toBe(40);
  });
});

describe('an Idempotency-Key', () => {
  const issue = (id: number, key: string, quantity = 1) =>
    post('issue', { lines: [{ item_id: id, quantity }] }, { 'idempotency-key': key });

  test('replays the first answer, even when the stock has gone since', async () => {
    const id = await newItem(1);
    const first = await issue(id, 'order-1');
    expect(first.statusCode).toBe(201);
    const second = await issue(id, 'order-1');
    expect(second.statusCode).toBe(201);
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(second.body).toBe(first.body);
    expect(await movementsOf(id)).toHaveLength(2);
  });

  test('with another body or at another address is refused', async () => {
    const id = await newItem(5);
    await issue(id, 'order-2');
    expect((await issue(id, 'order-2', 2)).json()).toMatchObject({
      status: 422,
      code: 'idempotency_key_reused',
    });
    const elsewhere = await post(
      'receive',
      { lines: [{ item_id: id, quantity: 1 }] },
      { 'idempotency-key': 'order-2' },
    );
    expect(elsewhere.statusCode).toBe(422);
    expect((await stockOf(id)).on_hand).toBe(4);
  });

  test('belongs to one user', async () => {
    const id = await newItem(5);
    await issue(id, 'order-3');
    const other = await api.as('admin')(
      'POST',
      '/stock/issue',
      { lines: [{ item_id: id, quantity: 1 }] },
      { 'idempotency-key': 'order-3' },
    );
    expect(other.headers['idempotency-replayed']).toBeUndefined();
    expect((await stockOf(id)).on_hand).toBe(3);
  });

  test('of a refused operation stays free, as nothing was done', async () => {
    const id = await newItem(1);
    expect((await issue(id, 'order-4', 2)).statusCode).toBe(409);
    await post('receive', { lines: [{ item_id: id, quantity: 1 }] });
    expect((await issue(id, 'order-4', 2)).statusCode).toBe(201);
  });

  test('is applied once when many send it at once: the others replay, or are told to wait', async () => {
    const id = await newItem(100);
    const answers = await Promise.all(Array.from({ length: 20 }, () => issue(id, 'order-5')));
    const codes = answers.map(({ statusCode }) => statusCode);
    expect(codes.every((code) => code === 201 || code === 409)).toBe(true);
    expect(codes).toContain(201);
    for (const refused of answers.filter(({ statusCode }) => statusCode === 409)) {
      expect(refused.json().code).toBe('idempotency_key_in_use');
      expect(refused.headers['retry-after']).toBe('1');
    }
    expect((await stockOf(id)).on_hand).toBe(99);
    expect((await issue(id, 'order-5')).headers['idempotency-replayed']).toBe('true');
  });

  test('of a request in progress is 409', async () => {
    const id = await newItem(10);
    const { client } = api.database;
    await client.query('BEGIN');
    await client.query('SELECT FROM stock_levels WHERE item_id = $1 FOR UPDATE', [id]);
    const first = issue(id, 'order-6');
    await api.database.untilBlocked(1);
    const second = await issue(id, 'order-6');
    expect(second.json()).toMatchObject({ status: 409, code: 'idempotency_key_in_use' });
    await client.query('COMMIT');
    expect((await first).statusCode).toBe(201);
  });

  test.each([
    ['and took the stock', 0],
    ['and left stock', 5],
  ])('that another request stores after this one has begun, %s, is replayed', async (_name, left) => {
    const id = await newItem(5);
    const key = `late-${left}`;
    const first = await issue(id, `${key}-original`);
    const { client } = api.database;
    await client.query('BEGIN');
    await client.query('UPDATE stock_levels SET on_hand = $2 WHERE item_id = $1', [id, left]);
    await client.query(
      `INSERT INTO idempotency_keys (actor_id, key, fingerprint, response)
       SELECT actor_id, $1, fingerprint, response FROM idempotency_keys WHERE key = $2`,
      [key, `${key}-original`],
    );
    const second = issue(id, key);
    await api.database.untilBlocked(1);
    await client.query('COMMIT');
    expect((await second).statusCode).toBe(201);
    expect((await second).headers['idempotency-replayed']).toBe('true');
    expect((await second).body).toBe(first.body);
    expect((await stockOf(id)).on_hand).toBe(left);
  });

  test.each(['', ' ', 'x'.repeat(256), 'ümlaut'])('may not be %j', async (key) => {
    expect((await issue(await newItem(1), key)).statusCode).toBe(422);
  });
});
