import { Writable } from 'node:stream';
import type { InjectOptions } from 'fastify';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { SCOPES } from '../src/auth/api-keys.js';
import { type Ask, startApi, type TestApi } from './api.js';

let api: TestApi;
let log = '';

beforeAll(async () => {
  const logger = pino(
    { level: 'trace' },
    new Writable({
      write(chunk, _encoding, done) {
        log += chunk;
        done();
      },
    }),
  );
  api = await startApi({}, undefined, { logger });
  await api.as('manager')('POST', '/items', { sku: 'A', name: 'one' });
  await api.as('manager')('POST', '/stock/receive', { lines: [{ item_id: 1, quantity: 100 }] });
});
afterAll(async () => {
  vi.useRealTimers();
  await api.close();
});

const admin: Ask = (...request) => api.as('admin')(...request);

interface Made {
  readonly id: number;
  readonly key: string;
}

async function makeKey(name: string, scopes: readonly string[], expires_at: string | null = null) {
  const made = await admin('POST', '/api-keys', { name, scopes, expires_at });
  expect(made.statusCode, made.body).toBe(201);
  return made.json() as Made;
}

function withKey(
  key: string,
  method: NonNullable<InjectOptions['method']>,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
) {
  return api.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: { authorization: `Bearer ${key}`, ...headers },
    ...(body && { payload: body }),
  });
}

const issue = (key: string, headers?: Record<string, string>) =>
  withKey(key, 'POST', '/stock/issue', { lines: [{ item_id: 1, quantity: 1 }] }, headers);

test('a key is shown once, and is found nowhere afterwards', async () => {
  const { id, key } = await makeKey('shop', ['items:read', 'stock:write']);
  expect(key).toMatch(/^invk_[\w-]{43}$/);
  expect((await issue(key)).statusCode).toBe(201);
  const listed = await admin('GET', '/api-keys');
  expect(listed.json().data[0]).toMatchObject({ id, name: 'shop', key_start: key.slice(0, 9) });
  const audited = await admin('GET', '/audit?entity=api_key');
  expect(audited.json().data[0]).toMatchObject({ action: 'create', entity_id: id, actor: 'admin' });
  const secret = key.slice(9);
  const hash = Buffer.from((await keyHashOf(id)) ?? '').toString('hex');
  for (const text of [listed.body, audited.body, log]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(hash);
  }
  const { rows } = await api.database.client.query(
    `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  );
  for (const { relname } of rows) {
    const { rows: content } = await api.database.client.query(`SELECT t::text AS row FROM ${relname} AS t`);
    for (const { row } of content) expect(row, relname).not.toContain(secret);
  }
});

async function keyHashOf(id: number): Promise<Buffer | undefined> {
  const { rows } = await api.database.client.query('SELECT key_hash FROM api_keys WHERE id = $1', [id]);
  return rows[0]?.key_hash;
}

test('keys are the business of admins alone', async () => {
  const { key } = await makeKey('everything', SCOPES);
  for (const role of ['viewer', 'manager'] as const) {
    expect((await api.as(role)('GET', '/api-keys')).statusCode).toBe(403);
    expect((await api.as(role)('POST', '/api-keys', { name: 'x', scopes: SCOPES })).statusCode).toBe(403);
    expect((await api.as(role)('POST', '/api-keys/1/revoke')).statusCode).toBe(403);
  }
  for (const [method, path, body] of [
    ['GET', '/api-keys'],
    ['POST', '/api-keys', { name: 'x', scopes: SCOPES }],
    ['GET', '/users'],
    ['GET', '/audit'],
    ['POST', '/auth/password', { current_password: 'x', new_password: 'a password for nobody' }],
    ['POST', '/auth/logout', { refresh_token: 'x' }],
  ] as const) {
    const refused = await withKey(key, method, path, body);
    expect(refused.statusCode, path).toBe(403);
    expect(refused.json().code).toBe('forbidden');
  }
});

describe('a scope', () => {
  test.each([
    ['items:read', 'GET', '/items', 200],
    ['items:read', 'GET', '/items/1/stock', 200],
    ['items:read', 'GET', '/categories', 200],
    ['items:read', 'GET', '/items/export.csv', 200],
    ['items:read', 'POST', '/items', 403],
    ['items:read', 'GET', '/movements', 403],
    ['items:write', 'GET', '/items', 200],
    ['items:write', 'POST', '/stock/issue', 403],
    ['stock:read', 'GET', '/movements', 200],
    ['stock:read', 'POST', '/stock/issue', 403],
    ['stock:read', 'GET', '/stock/verify', 403],
    ['stock:write', 'GET', '/stock/verify', 200],
    ['stock:write', 'GET', '/items', 403],
    ['reports:read', 'GET', '/reports/valuation', 200],
    ['reports:read', 'GET', '/imports', 403],
    ['imports:write', 'GET', '/imports', 200],
    ['imports:read', 'POST', '/imports', 403],
  ] as const)('%s: %s %s is answered with %i', async (scope, method, path, status) => {
    const { id, key } = await makeKey(`${scope} ${method} ${path}`, [scope]);
    const body = {
      '/items': { sku: 'X', name: 'x' },
      '/stock/issue': { lines: [{ item_id: 1, quantity: 1 }] },
      '/imports': { any: 1 },
    };
    const answer = await withKey(key, method, path, method === 'POST' ? body[path as '/items'] : undefined);
    expect(answer.statusCode, answer.body).toBe(status);
    expect((await withKey(key, 'GET', '/auth/me')).json().id).toBe(id);
  });

  test('is in the OpenAPI document of each operation that a key may use', async () => {
    const { paths } = (await api.app.inject('/openapi.json')).json();
    expect(paths['/api/v1/stock/issue'].post.description).toContain('stock:write');
    expect(paths['/api/v1/users'].get.description ?? '').not.toContain('API key');
  });
});

test('the ledger and the audit log name the key, and its idempotency keys are its own', async () => {
  const one = await makeKey('till one', ['items:write', 'stock:write']);
  const two = await makeKey('till two', ['stock:write']);
  const users = await admin('GET', '/users');
  for (const user of users.json().data) expect([one.id, two.id]).not.toContain(user.id);
  const answers = await Promise.all(
    [one, two, one].map(({ key }) => issue(key, { 'idempotency-key': 'order-1' })),
  );
  const done = new Set(answers.map((answer) => answer.json().group));
  expect(done.size).toBeLessThanOrEqual(3);
  const again = await issue(one.key, { 'idempotency-key': 'order-1' });
  expect(again.headers['idempotency-replayed']).toBe('true');
  const { rows } = await api.database.client.query(
    `SELECT actor_id FROM movements WHERE idempotency_key = 'order-1' ORDER BY actor_id`,
  );
  expect(rows.map(({ actor_id }) => Number(actor_id))).toEqual([one.id, two.id]);
  await withKey(one.key, 'POST', '/items', { sku: 'B', name: 'two' });
  expect((await admin('GET', '/audit?entity=item')).json().data[0]).toMatchObject({
    actor_id: one.id,
    actor: 'till one',
  });
});

test('a revoked key is refused at once here, and after five seconds by another process', async () => {
  const { id, key } = await makeKey('lost', ['stock:write']);
  expect((await issue(key)).statusCode).toBe(201);
  const revoked = await admin('POST', `/api-keys/${id}/revoke`);
  expect(revoked.json().revoked_at).not.toBeNull();
  const refused = await issue(key);
  expect(refused.statusCode).toBe(401);
  expect(refused.headers['www-authenticate']).toBe('Bearer');
  // Once more is the same, and the name is free.
  expect((await admin('POST', `/api-keys/${id}/revoke`)).json()).toEqual(revoked.json());
  expect((await admin('POST', '/api-keys/999999/revoke')).statusCode).toBe(404);

  const other = await makeKey('lost', ['stock:write']);
  expect((await issue(other.key)).statusCode).toBe(201);
  // As another process would.
  await api.database.client.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [other.id]);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 5001 });
  expect((await issue(other.key)).statusCode).toBe(401);
  vi.useRealTimers();
});

test('a key that has expired is refused, also while it is remembered', async () => {
  expect(
    (
      await admin('POST', '/api-keys', { name: 'x', scopes: SCOPES, expires_at: '2020-01-01T00:00:00Z' })
    ).json().errors,
  ).toMatchObject([{ pointer: '/body/expires_at', code: 'past' }]);
  const soon = new Date(Date.now() + 60_000).toISOString();
  const { key } = await makeKey('for a minute', ['stock:write'], soon);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(soon) - 1000 });
  expect((await issue(key)).statusCode).toBe(201);
  vi.setSystemTime(Date.parse(soon));
  expect((await issue(key)).statusCode).toBe(401);
  vi.useRealTimers();
});

test('a use is noted, to the minute', async () => {
  const { id, key } = await makeKey('used', ['stock:read']);
  const lastUse = async () => {
    const { data } = (await admin('GET', '/api-keys?limit=200')).json();
    return data.find((entry: { id: number }) => entry.id === id).last_used_at as string | null;
  };
  expect(await lastUse()).toBeNull();
  await withKey(key, 'GET', '/movements');
  await expect.poll(lastUse).not.toBeNull();
  const first = await lastUse();
  await withKey(key, 'GET', '/movements');
  expect(await lastUse()).toBe(first);
  await api.database.client.query(`UPDATE api_keys SET last_used_at = last_used_at - interval '2 minutes'`);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61_000 });
  await withKey(key, 'GET', '/movements');
  vi.useRealTimers();
  await expect
    .poll(async () => Date.parse((await lastUse()) ?? ''))
    .toBeGreaterThanOrEqual(Date.parse(first ?? ''));
});

test('two live keys have two names', async () => {
  await makeKey('twin', ['items:read']);
  const taken = await admin('POST', '/api-keys', { name: 'TWIN', scopes: ['items:read'] });
  expect(taken.statusCode).toBe(409);
  expect(taken.json().errors).toMatchObject([{ pointer: '/body/name', code: 'taken' }]);
});

test.each([
  ['no scope', { name: 'x', scopes: [] }],
  ['an unknown scope', { name: 'x', scopes: ['users:write'] }],
  ['no name', { name: '', scopes: ['items:read'] }],
  ['an end that is no time', { name: 'x', scopes: ['items:read'], expires_at: 'tomorrow' }],
])('%s is refused', async (_, body) => {
  expect((await admin('POST', '/api-keys', body)).statusCode).toBe(422);
});

test.each([
  ['cut', (key: string) => key.slice(0, -1)],
  ['lengthened', (key: string) => `${key}a`],
  ['in capitals', (key: string) => key.toUpperCase()],
  ['without its beginning', (key: string) => key.slice(5)],
  ['the beginning alone', () => 'invk_'],
])('a key that is %s is refused', async (_, spoil) => {
  const { key } = await makeKey(`spoilt ${Math.random()}`, ['stock:read']);
  expect((await withKey(spoil(key), 'GET', '/movements')).statusCode).toBe(401);
});
