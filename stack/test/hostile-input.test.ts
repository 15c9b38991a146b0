import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

// What is refused costs little and is answered shortly, whatever was sent.

const CPU_LIMIT_MS = 50;
const ANSWER_LIMIT_BYTES = 64 * 1024;

let api: TestApi;
let manager: Ask;

beforeAll(async () => {
  api = await startApi({ RATE_LIMIT_PER_MINUTE: '1000000', LOGIN_RATE_LIMIT_PER_MINUTE: '1000000' });
  manager = api.as('manager');
});
afterAll(() => api.close());

interface Sent {
  readonly method?: 'GET' | 'POST' | 'PATCH';
  readonly url: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

const send = ({ method = 'POST', url, body, headers }: Sent) =>
  api.app.inject({
    method,
    url: `/api/v1${url}`,
    ...(body === undefined ? {} : { payload: body }),
    headers: {
      authorization: `Bearer ${api.tokens.manager}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
  });

const KIB = 1024;
const manyKeys = (bytes: number) =>
  `{${Array.from({ length: Math.floor(bytes / 9) }, (_, n) => `"${n.toString(36)}":1`).join()}}`;
const emptyLines = (bytes: number) =>
  `{"lines":[${Array(Math.floor(bytes / 3))
    .fill('{}')
    .join()}]}`;
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const item = (fields: object) => JSON.stringify({ sku: 'A', name: 'a', ...fields });

const HOSTILE: Record<string, Sent> = {
  'unknown keys, before any login': { url: '/auth/login', body: manyKeys(250 * KIB) },
  'as many as are read': { url: '/auth/login', body: manyKeys(5 * KIB) },
  'unknown keys of an item': { url: '/items', body: manyKeys(15 * KIB) },
  'unknown keys of an operation': { url: '/stock/issue', body: manyKeys(120 * KIB) },
  'one enormous key': { url: '/stock/issue', body: `{"${'~'.repeat(120 * KIB)}":1,"lines":[]}` },
  '85,000 empty lines': { url: '/stock/receive', body: emptyLines(250 * KIB) },
  'as many as are read of those': { url: '/stock/receive', body: emptyLines(120 * KIB) },
  '499 empty lines': { url: '/stock/receive', body: emptyLines(3 * 499) },
  '500 lines of unknown items': {
    url: '/stock/receive',
    body: JSON.stringify({
      lines: Array.from({ length: 500 }, (_, n) => ({ item_id: 1e9 + n, quantity: 1 })),
    }),
  },
  'deep arrays': { url: '/stock/issue', body: nested(60 * KIB) },
  'deep arrays in a field': { url: '/items', body: `{"sku":${nested(8 * KIB - 10)}}` },
  'a long number': { url: '/items', body: `{"reorder_point":${'9'.repeat(15 * KIB)}}` },
  'a small number': { url: '/items', body: `{"reorder_point":0.${'0'.repeat(15 * KIB)}1}` },
  'a long SKU': { url: '/items', body: item({ sku: ' '.repeat(15 * KIB) }) },
  'a SKU of marks': { url: '/items', body: item({ sku: 'a\u0301'.repeat(5 * KIB) }) },
  'a long price': { url: '/items', body: item({ unit_price: '1'.repeat(15 * KIB) }) },
  'a long address': {
    url: '/suppliers',
    body: JSON.stringify({ name: 'a', email: `a@${'a-'.repeat(7 * KIB)}` }),
  },
  'an address of dots': {
    url: '/suppliers',
    body: JSON.stringify({ name: 'a', email: 'a.'.repeat(7 * KIB) }),
  },
  'an address of signs': {
    url: '/suppliers',
    body: JSON.stringify({ name: 'a', email: 'a@'.repeat(7 * KIB) }),
  },
  'many query parameters': {
    method: 'GET',
    url: `/items?${Array.from({ length: 1500 }, (_, n) => `p${n}=1`).join('&')}`,
  },
  'the same parameter often': { method: 'GET', url: `/items?${'limit=1&'.repeat(1500)}` },
  'a long time': { method: 'GET', url: `/movements?from=2026-${'0'.repeat(12 * KIB)}` },
  'a long search': { method: 'GET', url: `/items?search=${'a%20'.repeat(3000)}` },
  'a long path': { method: 'GET', url: `/items/${'1'.repeat(12 * KIB)}` },
  'a path of slashes': { method: 'GET', url: '/'.repeat(12 * KIB) },
  'a long If-Match': {
    method: 'PATCH',
    url: '/items/1',
    body: '{"name":"a"}',
    headers: { 'if-match': '"1",'.repeat(3000) },
  },
  'a long token': {
    method: 'GET',
    url: '/items',
    headers: { authorization: `Bearer ${'a.'.repeat(6 * KIB)}` },
  },
  'a long content type': {
    url: '/items',
    body: '{}',
    headers: { 'content-type': `application/json${';a=b'.repeat(3000)}` },
  },
  'a prototype': { url: '/items', body: '{"__proto__":{"a":1},"constructor":{"prototype":{}}}' },
  'a file of 5,000 flawed rows': {
    url: '/imports?mode=atomic',
    headers: { 'content-type': 'text/csv' },
    body: `sku,name,quantity\n${'"<b>",x,y\n'.repeat(5000)}`,
  },
  'a file of unknown columns': {
    url: '/imports',
    headers: { 'content-type': 'text/csv' },
    body: `${Array.from({ length: 6000 }, (_, n) => `column ${n}`).join()}\n`,
  },
};
// It has to be looked at row by row to be refused, for somebody who has logged in.
const COSTLY = ['a file of 5,000 flawed rows'];

test.each(Object.entries(HOSTILE))('%s', async (name, sent) => {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 4; run += 1) {
    const before = process.cpuUsage();
    const answer = await send(sent);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
    expect(answer.statusCode, answer.body.slice(0, 500)).toBeGreaterThanOrEqual(400);
    expect(answer.statusCode, answer.body.slice(0, 500)).toBeLessThan(500);
    expect(answer.body.length).toBeLessThan(ANSWER_LIMIT_BYTES);
    expect(answer.json().errors.length).toBeLessThanOrEqual(20);
  }
  if (!COSTLY.includes(name)) expect(least).toBeLessThan(CPU_LIMIT_MS);
});

test('the errors beyond twenty are counted', async () => {
  expect((await send({ url: '/stock/receive', body: emptyLines(3 * 30) })).json()).toMatchObject({
    errors: { length: 20 },
    errors_omitted: 40,
  });
  const rows = Array.from({ length: 50 }, (_, n) => `S${n},x,y`).join('\n');
  const rejected = await manager('POST', '/imports', `sku,name,quantity\n${rows}\n`, {
    'content-type': 'text/csv',
  });
  expect(rejected.json()).toMatchObject({
    errors: { length: 20 },
    errors_omitted: 30,
    import: { errors: 50 },
  });
});

test('the largest operation that there may be is taken', async () => {
  const ids: number[] = [];
  const { rows } = await api.database.client.query(
    `INSERT INTO items (sku, name) SELECT 'L' || n, 'l' FROM generate_series(1, 500) n RETURNING id`,
  );
  for (const { id } of rows) ids.push(Number(id));
  const body = {
    lines: ids.map((item_id) => ({ item_id, location_id: 1, quantity: 1_000_000_000 })),
    reason: 'ü'.repeat(500),
    reference: '\u{1f375}'.repeat(200),
  };
  const answer = await send({ url: '/stock/receive', body: JSON.stringify(body, null, 4) });
  expect(answer.statusCode, answer.body.slice(0, 500)).toBe(201);
});

describe('a value that PostgreSQL refuses, or that means something else, is never a 500', () => {
  test.each([
    ['GET', '/movements?from=2026-01-31T00:00:00%2B16:00', 422, '/query/from'],
    ['GET', '/movements?to=2026-01-31T00:00:00%2B23:59', 422, '/query/to'],
    ['GET', '/movements?from=2026-01-31T00:00:00-23:00', 422, '/query/from'],
    ['GET', '/items/1/movements?from=2026-01-31T00:00:00%2B16:00', 422, '/query/from'],
    ['GET', '/items/0x10', 422, '/path/id'],
    ['GET', '/items/1e1', 422, '/path/id'],
    ['GET', '/items/01', 422, '/path/id'],
    ['GET', '/items/1.0', 422, '/path/id'],
    ['GET', '/items/%201', 422, '/path/id'],
    ['GET', '/items/0b1', 422, '/path/id'],
    ['GET', '/items?limit=0x10', 422, '/query/limit'],
    ['GET', '/items?limit=1e1', 422, '/query/limit'],
    ['GET', '/items?limit=', 422, '/query/limit'],
    ['GET', '/items?archived=1', 422, '/query/archived'],
  ] as const)('%s %s', async (method, path, status, pointer) => {
    const answer = await manager(method, path);
    expect(answer.statusCode, answer.body).toBe(status);
    expect(answer.json().errors[0].pointer).toBe(pointer);
  });

  test.each(['2026-01-31T00:00:00%2B15:59', '2026-01-31T00:00:00-15:59', '2026-01-31T00:00:00.5Z'])(
    'the time %s is taken',
    async (time) => {
      expect((await manager('GET', `/movements?from=${time}`)).statusCode).toBe(200);
    },
  );

  test.each(['22009', '22P02', '22023', '23502', '23514', '23P01', '23505', '23503', '23001'])(
    'SQLSTATE %s',
    async (code) => {
      await api.database.client.query(`
        CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END $$;
        CREATE OR REPLACE TRIGGER failing BEFORE INSERT ON categories EXECUTE FUNCTION fail();`);
      const answer = await manager('POST', '/categories', { name: 'x' });
      expect([409, 422]).toContain(answer.statusCode);
    },
  );
});

test('PATCH of {} says what it wants, of whatever it is', async () => {
  const { paths } = (await api.app.inject('/openapi.json')).json() as { paths: Record<string, object> };
  const patched = Object.keys(paths).filter((path) => 'patch' in (paths[path] ?? {}));
  expect(patched.length).toBeGreaterThan(5);
  for (const path of patched) {
    const url = path.replace('/api/v1', '').replace('{id}', '1');
    expect((await api.as('admin')('PATCH', url, {}, { 'if-match': '*' })).json(), path).toMatchObject({
      status: 422,
      errors: [
        { pointer: '/body', code: 'minProperties', message: 'must name at least one field to change' },
      ],
    });
  }
});

test.each(['TEXT/CSV', 'Text/Csv; Charset=UTF-8', 'text/csv;header=present'])(
  '%s is text/csv',
  async (type) => {
    const answer = await manager('POST', '/imports?mode=dry-run', 'sku,name\nA,a\n', {
      'content-type': type,
    });
    expect(answer.statusCode, answer.body).toBe(200);
  },
);
