import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from './api.js';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const add = (fields: object) => api.as('manager')('POST', '/items', fields);

describe('an item', () => {
  test('is added with its defaults and read back with its version as ETag', async () => {
    const added = await add({ sku: 'A-1', name: 'Blue teapot', unit_price: '12.50' });
    expect(added.statusCode, added.body).toBe(201);
    const { id } = added.json();
    expect(added.headers.location).toBe(`/api/v1/items/${id}`);
    expect(added.headers.etag).toBe('"1"');
    const read = await api.as('viewer')('GET', `/items/${id}`);
    expect(read.headers.etag).toBe('"1"');
    expect(read.json()).toEqual({
      id,
      sku: 'A-1',
      name: 'Blue teapot',
      category_id: null,
      supplier_id: null,
      unit: 'each',
      decimals: 0,
      unit_price: '12.50',
      reorder_point: 0,
      barcode: null,
      version: 1,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*\+00:00$/),
      updated_at: expect.any(String),
      archived_at: null,
    });
    const again = await api.as('viewer')('GET', `/items/${id}`, undefined, { 'if-none-match': 'W/"1"' });
    expect(again.statusCode).toBe(304);
    expect(again.body).toBe('');
  });

  test.each([
    [{ name: 'no sku' }, '/body/sku', 'required'],
    [{ sku: 'x', name: 'n', colour: 'red' }, '/body/colour', 'additionalProperties'],
    [{ sku: 'x', name: ' ' }, '/body/name', 'pattern'],
    [{ sku: 'x', name: 'nul\u0000' }, '/body/name', 'pattern'],
    [{ sku: 'x'.repeat(10_000), name: 'n' }, '/body/sku', 'maxLength'],
    [{ sku: 'x', name: 'n', unit_price: 1.5 }, '/body/unit_price', 'type'],
    [{ sku: 'x', name: 'n', unit_price: '1e3' }, '/body/unit_price', 'pattern'],
    [{ sku: 'x', name: 'n', unit_price: '-1' }, '/body/unit_price', 'pattern'],
    [{ sku: 'x', name: 'n', unit_price: '1.23456' }, '/body/unit_price', 'pattern'],
    [{ sku: 'x', name: 'n', reorder_point: 1e300 }, '/body/reorder_point', 'maximum'],
    [{ sku: 'x', name: 'n', reorder_point: '5' }, '/body/reorder_point', 'type'],
    [{ sku: 'x', name: 'n', reorder_point: 1.5 }, '/body/reorder_point', 'decimals'],
    [{ sku: 'x', name: 'n', reorder_point: 0.00001, decimals: 4 }, '/body/reorder_point', 'decimals'],
    [{ sku: 'x', name: 'n', decimals: 5 }, '/body/decimals', 'maximum'],
    [{ sku: 'x', name: 'n', decimals: 1.5 }, '/body/decimals', 'type'],
    [{ sku: 'x', name: 'n', category_id: 99 }, '/body/category_id', 'unknown'],
  ])('may not be %j', async (fields, pointer, code) => {
    const answer = await add(fields);
    expect(answer.statusCode).toBe(422);
    expect(answer.json().errors).toContainEqual({ pointer, code, message: expect.any(String) });
  });

  test('reports every flaw at once', async () => {
    const answer = await add({ sku: '', unit: 7 });
    expect(answer.json().errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(
      expect.arrayContaining(['/body/sku', '/body/name', '/body/unit']),
    );
  });

  test('keeps what looks like SQL as it is', async () => {
    const name = `'; DROP TABLE items; -- $1 \\ %s "`;
    const { id } = (await add({ sku: `S';--`, name })).json();
    expect((await api.as('viewer')('GET', `/items/${id}`)).json().name).toBe(name);
  });

  test('shares neither SKU nor barcode', async () => {
    await add({ sku: 'TWIN', name: 'one', barcode: '4006381333931' });
    expect((await add({ sku: 'TWIN', name: 'two' })).json()).toMatchObject({
      status: 409,
      code: 'conflict',
      errors: [{ pointer: '/body/sku', code: 'taken' }],
    });
    expect((await add({ sku: 'twin', name: 'two', barcode: '4006381333931' })).json()).toMatchObject({
      status: 409,
      errors: [{ pointer: '/body/barcode' }],
    });
  });

  test('that does not exist is 404; an id that cannot exist is 422', async () => {
    expect((await api.as('viewer')('GET', '/items/999999')).statusCode).toBe(404);
    for (const id of ['x', '0', '-1', '1.5', '99999999999999999999', "1'"]) {
      expect((await api.as('viewer')('GET', `/items/${encodeURIComponent(id)}`)).statusCode).toBe(422);
    }
  });
});

describe('a change', () => {
  const patch = (id: number, body: object, ifMatch?: string) =>
    api.as('manager')('PATCH', `/items/${id}`, body, ifMatch === undefined ? {} : { 'if-match': ifMatch });

  test('needs If-Match: 428 without, 412 for another version', async () => {
    const { id } = (await add({ sku: 'P-1', name: 'old' })).json();
    expect((await patch(id, { name: 'new' })).statusCode).toBe(428);
    expect((await patch(id, { name: 'new' }, '"2"')).statusCode).toBe(412);
    expect((await patch(id, { name: 'new' }, 'W/"1"')).statusCode).toBe(412);
    expect((await patch(id, { name: 'new' }, '"99999999999999"')).statusCode).toBe(412);
    const changed = await patch(id, { name: 'new' }, '"1"');
    expect(changed.statusCode).toBe(200);
    expect(changed.headers.etag).toBe('"2"');
    expect(changed.json()).toMatchObject({ name: 'new', sku: 'P-1', version: 2 });
    expect((await patch(id, { name: 'newer' }, '"1", "2"')).statusCode).toBe(200);
    expect((await patch(id, { name: 'newest' }, '*')).statusCode).toBe(200);
    expect((await patch(999_999, { name: 'x' }, '"1"')).statusCode).toBe(404);
  });

  test('is made by one of many that have read the same version', async () => {
    const { id } = (await add({ sku: 'P-2', name: 'old' })).json();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => patch(id, { name: `writer ${index}` }, '"1"')),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expect(answers.filter(({ statusCode }) => statusCode === 412)).toHaveLength(7);
  });

  test('leaves a line in the audit log, with who, what and from which request', async () => {
    const { id } = (await add({ sku: 'P-3', name: 'old' })).json();
    const changed = await patch(id, { name: 'audited' }, '"1"');
    const { rows } = await api.database.client.query(
      `SELECT action, username, request_id, state ->> 'name' AS name FROM audit_log
       JOIN users ON users.id = actor_id WHERE entity = 'item' AND entity_id = $1 ORDER BY audit_log.id`,
      [id],
    );
    expect(rows).toEqual([
      { action: 'create', username: 'manager', request_id: expect.any(String), name: 'old' },
      { action: 'update', username: 'manager', request_id: changed.headers['x-request-id'], name: 'audited' },
    ]);
    await expect(api.database.client.query('DELETE FROM audit_log')).rejects.toThrow(/append-only/);
  });
});

describe('archiving', () => {
  const archive = (id: number, ifMatch = '*') =>
    api.as('manager')('DELETE', `/items/${id}`, undefined, { 'if-match': ifMatch });
  const receive = (id: number) =>
    api.as('manager')('POST', '/stock/receive', { lines: [{ item_id: id, quantity: 1 }] });

  test('needs If-Match', async () => {
    const { id } = (await add({ sku: 'D-0', name: 'x' })).json();
    expect((await api.as('manager')('DELETE', `/items/${id}`)).statusCode).toBe(428);
    expect((await archive(id, '"7"')).statusCode).toBe(412);
  });

  test('hides an item, keeps it readable, and closes it to stock until it is brought back', async () => {
    const { id } = (await add({ sku: 'D-1', name: 'archived one' })).json();
    await receive(id);
    expect((await archive(id)).json()).toMatchObject({ status: 409, code: 'in_stock' });
    expect((await api.as('viewer')('GET', `/items/${id}`)).json()).toMatchObject({
      version: 1,
      archived_at: null,
    });

    await api.as('manager')('POST', '/stock/issue', { lines: [{ item_id: id, quantity: 1 }] });
    expect((await archive(id)).statusCode).toBe(200);
    const listed = async (query: string) =>
      (await api.as('viewer')('GET', `/items?${query}`)).json().data.map((item: { id: number }) => item.id);
    expect(await listed('search=archived')).not.toContain(id);
    expect(await listed('search=archived&archived=true')).toContain(id);
    expect((await receive(id)).json().errors[0].code).toBe('archived_item');

    const back = await api.as('manager')('PATCH', `/items/${id}`, { archived: false }, { 'if-match': '*' });
    expect(back.json().archived_at).toBeNull();
    expect((await receive(id)).statusCode).toBe(201);
  });

  test('and receiving at once never leave an archived item with stock', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { id } = (await add({ sku: `RACE-${round}`, name: 'x' })).json();
      await Promise.all([archive(id), receive(id), receive(id)]);
      const { rows } = await api.database.client.query(
        `SELECT coalesce(sum(on_hand), 0)::int AS on_hand, archived_at IS NOT NULL AS archived
         FROM items LEFT JOIN stock_levels ON item_id = items.id WHERE items.id = $1 GROUP BY items.id`,
        [id],
      );
      expect(rows[0].archived && rows[0].on_hand > 0, JSON.stringify(rows)).toBe(false);
    }
  });
});

describe('the list', () => {
  beforeAll(async () => {
    await api.database.client.query(
      `INSERT INTO items (sku, name) SELECT 'L-' || to_char(n, 'FM0000'), 'listed ' || n % 7 FROM generate_series(1, 120) n`,
    );
  });

  async function walk(query: string): Promise<{ id: number; sku: string; name: string }[]> {
    const rows = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const answer = await api.as('viewer')('GET', `/items?${query}${cursor && `&cursor=${cursor}`}`);
      expect(answer.statusCode, answer.body).toBe(200);
      rows.push(...answer.json().data);
      cursor = answer.json().next_cursor;
    }
    return rows;
  }

  test.each(['sku', '-sku', 'name', '-name', 'id', '-id'])(
    'sorted by %s gives every row once, in order',
    async (sort) => {
      const rows = await walk(`search=listed&sort=${sort}&limit=7`);
      expect(new Set(rows.map(({ id }) => id)).size).toBe(120);
      expect(rows).toHaveLength(120);
      const column = sort.replace('-', '') as 'sku' | 'name' | 'id';
      const compare = <Key>(a: Key, b: Key) => (a < b ? -1 : a > b ? 1 : 0);
      const sorted = [...rows].sort((a, b) => compare(a[column], b[column]) || a.id - b.id);
      expect(rows).toEqual(sort.startsWith('-') ? sorted.reverse() : sorted);
    },
  );

  test('has no cursor after a last page that is full', async () => {
    const rows = await walk('search=listed&limit=60');
    expect(rows).toHaveLength(120);
  });

  test('finds beginnings of words whatever their case, beginnings of SKUs, and nothing by what is neither', async () => {
    const search = async (words: string) =>
      (await api.as('viewer')('GET', `/items?limit=200&search=${encodeURIComponent(words)}`)).json().data
        .length;
    expect(await search('LIST')).toBe(120);
    expect(await search('6 list')).toBe(17);
    expect(await search('isted')).toBe(0);
    expect(await search('L-00')).toBe(99);
    expect(await search('l-00')).toBe(99);
    expect(await search('-00')).toBe(0);
    for (const hostile of ["'", '\\', '&|!', "a' | 'b", ':*', '%']) {
      const answer = await api.as('viewer')('GET', `/items?search=${encodeURIComponent(hostile)}`);
      expect(answer.statusCode, hostile).toBe(200);
    }
  });

  test.each([
    'limit=0',
    'limit=201',
    'limit=x',
    'limit=1&limit=2',
    'sort=price',
    'cursor=x',
    `cursor=${Buffer.from('["name","a",1]').toString('base64url')}`,
    `cursor=${Buffer.from('["sku","\\u0000",1]').toString('base64url')}`,
    `cursor=${Buffer.from('["sku",{},1]').toString('base64url')}`,
    'colour=red',
    'search=%00',
    'archived=perhaps',
  ])('refuses ?%s', async (query) => {
    const answer = await api.as('viewer')('GET', `/items?${query}`);
    expect(answer.statusCode, answer.body).toBe(422);
    expect(answer.json().errors[0].pointer).toMatch(/^\/query\//);
  });
});
