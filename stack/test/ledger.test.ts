import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

let api: TestApi;
let manager: Ask;
let attic: number;
let itemNumber = 0;

beforeAll(async () => {
  api = await startApi();
  manager = api.as('manager');
  attic = (await manager('POST', '/locations', { code: 'attic', name: 'Attic' })).json().id;
});
afterAll(() => api.close());

async function newItem(onHand = 0): Promise<number> {
  itemNumber += 1;
  const { id } = (await manager('POST', '/items', { sku: `I-${itemNumber}`, name: 'Thing' })).json();
  if (onHand > 0) await manager('POST', '/stock/receive', { lines: [{ item_id: id, quantity: onHand }] });
  return id;
}

async function levels(id: number): Promise<Record<string, number>> {
  const { locations } = (await manager('GET', `/items/${id}/stock`)).json();
  return Object.fromEntries(
    locations.map(({ location, on_hand }: { location: string; on_hand: number }) => [location, on_hand]),
  );
}

describe('adjust', () => {
  test('corrects by a difference and needs a reason', async () => {
    const id = await newItem(5);
    expect((await manager('POST', '/stock/adjust', { lines: [{ item_id: id, delta: -2 }] })).statusCode).toBe(
      422,
    );
    const adjusted = await manager('POST', '/stock/adjust', {
      lines: [
        { item_id: id, delta: -2 },
        { item_id: id, location_id: attic, delta: 1 },
      ],
      reason: 'broken',
    });
    expect(adjusted.json()).toMatchObject({ kind: 'adjust', reason: 'broken' });
    expect(await levels(id)).toEqual({ main: 3, attic: 1 });
  });

  test('cannot go below zero, nor be nothing', async () => {
    const id = await newItem(1);
    const adjust = (...deltas: number[]) =>
      manager('POST', '/stock/adjust', {
        lines: deltas.map((delta) => ({ item_id: id, delta })),
        reason: 'r',
      });
    expect((await adjust(-2)).statusCode).toBe(409);
    expect((await adjust(0)).json()).toMatchObject({ status: 422, errors: [{ code: 'nothing_to_move' }] });
    expect((await adjust(5, -5)).statusCode).toBe(422);
    expect(await levels(id)).toEqual({ main: 1 });
  });
});

describe('count', () => {
  const count = (lines: object[], headers = {}) => manager('POST', '/stock/count', { lines }, headers);

  test('sets stock; what was right gets no movement', async () => {
    const [short, right, fresh] = [await newItem(10), await newItem(4), await newItem()];
    const counted = await count([
      { item_id: short, counted: 7 },
      { item_id: right, counted: 4 },
      { item_id: fresh, counted: 2 },
    ]);
    expect(counted.statusCode, counted.body).toBe(201);
    const moved = counted
      .json()
      .movements.map(({ item_id, delta, balance_after }: Record<string, number>) => ({
        item_id,
        delta,
        balance_after,
      }));
    expect(moved).toHaveLength(2);
    expect(moved).toEqual(
      expect.arrayContaining([
        { item_id: short, delta: -3, balance_after: 7 },
        { item_id: fresh, delta: 2, balance_after: 2 },
      ]),
    );
  });

  test('of one level, and one that changes nothing, are remembered by their key', async () => {
    const id = await newItem(3);
    const first = await count([{ item_id: id, counted: 3 }], { 'idempotency-key': 'count-1' });
    expect(first.json().movements).toEqual([]);
    await manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 1 }] });
    const again = await count([{ item_id: id, counted: 3 }], { 'idempotency-key': 'count-1' });
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(await levels(id)).toEqual({ main: 2 });
  });

  test('is refused for a level that is there twice', async () => {
    const id = await newItem(5);
    const twice = [
      { item_id: id, counted: 5 },
      { item_id: id, counted: 6 },
    ];
    expect((await count(twice)).json()).toMatchObject({ status: 422, errors: [{ code: 'duplicate' }] });
  });

  test('while stock is issued loses neither', async () => {
    const id = await newItem(100);
    const issue = () => manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 1 }] });
    await Promise.all([count([{ item_id: id, counted: 50 }]), ...Array.from({ length: 20 }, issue)]);
    const { rows } = await api.database.client.query(
      `SELECT sum(delta)::int AS sum, (SELECT on_hand::int FROM stock_levels WHERE item_id = $1) AS on_hand
       FROM movements WHERE item_id = $1`,
      [id],
    );
    expect(rows[0].sum).toBe(rows[0].on_hand);
  });
});

describe('transfer', () => {
  test('moves stock between locations in one group', async () => {
    const id = await newItem(5);
    const moved = await manager('POST', '/stock/transfer', {
      lines: [{ item_id: id, to_location_id: attic, quantity: 2 }],
    });
    expect(moved.json().movements).toHaveLength(2);
    expect(await levels(id)).toEqual({ main: 3, attic: 2 });
  });

  test('moves nothing that is not there, nor to where it is', async () => {
    const id = await newItem(1);
    const transfer = (to_location_id: number, quantity: number) =>
      manager('POST', '/stock/transfer', { lines: [{ item_id: id, to_location_id, quantity }] });
    expect((await transfer(attic, 2)).statusCode).toBe(409);
    expect((await transfer(1, 1)).statusCode).toBe(422);
    expect((await transfer(4711, 1)).json()).toMatchObject({
      status: 422,
      errors: [{ code: 'unknown_location' }],
    });
    expect((await levels(id)).main).toBe(1);
  });

  test('to and fro at once keeps the total', async () => {
    const id = await newItem(50);
    await manager('POST', '/stock/receive', { lines: [{ item_id: id, location_id: attic, quantity: 50 }] });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        manager('POST', '/stock/transfer', {
          lines: [
            index % 2
              ? { item_id: id, to_location_id: attic, quantity: 1 }
              : { item_id: id, from_location_id: attic, to_location_id: 1, quantity: 1 },
          ],
        }),
      ),
    );
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(40).fill(201));
    expect(await levels(id)).toEqual({ main: 50, attic: 50 });
  });
});

describe('reverse', () => {
  const reverse = (group: number, headers = {}) =>
    manager('POST', `/movements/${group}/reverse`, { reason: 'mistake' }, headers);

  test('undoes an operation once, and says which', async () => {
    const id = await newItem(5);
    const { group } = (
      await manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 2 }] })
    ).json();
    const reversed = await reverse(group);
    expect(reversed.json()).toMatchObject({ kind: 'reversal', reverses: group, movements: [{ delta: 2 }] });
    expect(await levels(id)).toEqual({ main: 5 });
    expect((await reverse(group)).json()).toMatchObject({ status: 409, code: 'already_reversed' });
    expect(await levels(id)).toEqual({ main: 5 });
  });

  test('by many at once happens once', async () => {
    const id = await newItem(5);
    const { group } = (
      await manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 2 }] })
    ).json();
    const answers = await Promise.all(Array.from({ length: 8 }, () => reverse(group)));
    expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(1);
    expect(await levels(id)).toEqual({ main: 5 });
  });

  test('is refused when the stock has gone since', async () => {
    const id = await newItem();
    const { group } = (
      await manager('POST', '/stock/receive', { lines: [{ item_id: id, quantity: 2 }] })
    ).json();
    await manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 1 }] });
    expect((await reverse(group)).json()).toMatchObject({ status: 409, code: 'insufficient_stock' });
  });

  test('of nothing is 404, and with a key is done once', async () => {
    expect((await reverse(999_999)).statusCode).toBe(404);
    const id = await newItem(5);
    const { group } = (
      await manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 2 }] })
    ).json();
    const headers = { 'idempotency-key': 'reverse-1' };
    const first = await reverse(group, headers);
    const second = await reverse(group, headers);
    expect(second.body).toBe(first.body);
    expect(second.headers['idempotency-replayed']).toBe('true');
  });
});

describe('movements', () => {
  test('are listed, the newest first, by item, kind, group and time', async () => {
    const id = await newItem(5);
    const { group } = (
      await manager('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 2 }] })
    ).json();
    const list = async (path: string) => (await api.as('viewer')('GET', path)).json().data;
    const all = await list(`/items/${id}/movements`);
    expect(all.map(({ delta }: { delta: number }) => delta)).toEqual([-2, 5]);
    expect(await list(`/movements?item_id=${id}`)).toEqual(all);
    expect(await list(`/movements?group=${group}`)).toEqual([all[0]]);
    expect(await list(`/movements?item_id=${id}&kind=receive`)).toEqual([all[1]]);
    const time = encodeURIComponent(all[0].created_at);
    expect(await list(`/items/${id}/movements?from=${time}`)).toEqual([all[0]]);
    expect(await list(`/items/${id}/movements?to=${time}`)).toEqual([all[1]]);
    expect(await list(`/items/${id}/movements?location_id=${attic}`)).toEqual([]);
    const first = await api.as('viewer')('GET', `/items/${id}/movements?limit=1`);
    expect(await list(`/items/${id}/movements?limit=1&cursor=${first.json().next_cursor}`)).toEqual([all[1]]);
  });

  test.each([
    'from=yesterday',
    'from=2026-13-01T00:00:00Z',
    'from=0000-01-01T00:00:00Z',
    'to=9999-01-01T00:00:00Z',
    'kind=x',
  ])('refuse ?%s', async (query) => {
    expect((await api.as('viewer')('GET', `/movements?${query}`)).statusCode).toBe(422);
  });

  test('of an unknown item are 404', async () => {
    expect((await api.as('viewer')('GET', '/items/999999/movements')).statusCode).toBe(404);
  });
});

describe('verify', () => {
  test('finds levels and balances that do not follow from the ledger', async () => {
    const own = await startApi();
    try {
      const ask = own.as('manager');
      for (const sku of ['A', 'B']) {
        const { id } = (await ask('POST', '/items', { sku, name: sku })).json();
        await ask('POST', '/stock/receive', { lines: [{ item_id: id, quantity: 5 }] });
        await ask('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 2 }] });
      }
      const clean = (await ask('GET', '/stock/verify')).json();
      expect(clean).toEqual({ clean: true, levels: 2, movements: 4, flaw_count: 0, flaws: [] });

      await own.database.client.query(`UPDATE stock_levels SET on_hand = 9 WHERE item_id = 1;
        ALTER TABLE movements DISABLE TRIGGER movements_append_only;
        UPDATE movements SET balance_after = 4 WHERE item_id = 2 AND delta = -2`);
      const flawed = (await ask('GET', '/stock/verify')).json();
      expect(flawed).toMatchObject({ clean: false, flaw_count: 2 });
      expect(flawed.flaws).toEqual([
        { item_id: 1, location_id: 1, flaw: 'sum', movement_id: null, expected: 3, found: 9 },
        { item_id: 2, location_id: 1, flaw: 'chain', movement_id: 4, expected: 3, found: 4 },
      ]);
    } finally {
      await own.close();
    }
  });

  test('is clean after all that this file has done', async () => {
    expect((await manager('GET', '/stock/verify')).json()).toMatchObject({ clean: true, flaws: [] });
  });
});
