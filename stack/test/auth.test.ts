import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '../src/auth/passwords.js';
import { SYSTEM } from '../src/repositories/audit.js';
import { JWT_KEY, PASSWORD, startApi, type TestApi } from './api.js';

let api: TestApi;

beforeAll(async () => {
  api = await startApi({ LOGIN_RATE_LIMIT_PER_MINUTE: '1000' });
  await api.database.client.query('UPDATE users SET credentials_changed_at = $1 WHERE id = $2', [
    new Date(CREDENTIALS_MS),
    FORGED_USER,
  ]);
});
afterAll(() => api.close());

const post = (path: string, payload: object, headers = {}) =>
  api.app.inject({ method: 'POST', url: `/api/v1/auth${path}`, payload, headers });

const login = async (username = 'manager') => (await post('/login', { username, password: PASSWORD })).json();

const me = (token: string) =>
  api.app.inject({ url: '/api/v1/auth/me', headers: { authorization: `Bearer ${token}` } });

function forge(header: object, claims: object, key = JWT_KEY, digest = 'sha256'): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const content = `${part(header)}.${part(claims)}`;
  return `${content}.${createHmac(digest, key).update(content).digest('base64url')}`;
}

const HS256 = { alg: 'HS256', typ: 'JWT' };
const now = Math.floor(Date.now() / 1000);
const FORGED_USER = '3';
const CREDENTIALS_MS = Date.UTC(2026, 0, 1);
const cred = CREDENTIALS_MS * 1000;
const claims = { sub: FORGED_USER, iss: 'inventory-api', iat: now, cred, exp: now + 1800 };

describe('login', () => {
  test('gives a token pair that works', async () => {
    const answer = await post('/login', { username: 'Manager', password: PASSWORD });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 1800,
      refresh_token: expect.any(String),
    });
    expect(answer.headers['cache-control']).toBe('no-store');
    const who = await me(answer.json().access_token);
    expect(who.json()).toMatchObject({ username: 'manager', role: 'manager' });
  });

  test.each([
    ['manager', 'wrong'],
    ['nobody', PASSWORD],
    ['manager\u0000', PASSWORD],
    ["' OR 1=1 --", "' OR 1=1 --"],
  ])('refuses %j with %j', async (username, password) => {
    const answer = await post('/login', { username, password });
    expect([401, 422]).toContain(answer.statusCode);
    expect(answer.body).not.toContain(PASSWORD);
  });

  test('stores passwords as argon2id and tokens as hashes', async () => {
    const { refresh_token } = await login();
    const { rows: users } = await api.database.client.query('SELECT password_hash FROM users');
    for (const { password_hash } of users)
      expect(password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    const { rows } = await api.database.client.query(
      'SELECT row_to_json(t)::text AS row FROM refresh_tokens t',
    );
    expect(rows.map(({ row }) => row).join()).not.toContain(refresh_token);
  });
});

describe('an access token', () => {
  test('of our making passes, so that the next test means something', async () => {
    expect((await me(forge(HS256, claims))).statusCode).toBe(200);
  });

  test.each([
    ['no signature', `${forge({ alg: 'none', typ: 'JWT' }, claims).split('.').slice(0, 2).join('.')}.`],
    ['alg none, signed', forge({ alg: 'none', typ: 'JWT' }, claims)],
    ['alg HS512, rightly signed', forge({ alg: 'HS512', typ: 'JWT' }, claims, JWT_KEY, 'sha512')],
    ['another key', forge(HS256, claims, 'another key that is long enough!!')],
    ['expired', forge(HS256, { ...claims, exp: now - 1 })],
    ['no expiry', forge(HS256, { sub: FORGED_USER, iss: 'inventory-api', iat: now, cred })],
    ['another issuer', forge(HS256, { ...claims, iss: 'elsewhere' })],
    ['an unknown user', forge(HS256, { ...claims, sub: '4711' })],
    ['a user who is none', forge(HS256, { ...claims, sub: 'x' })],
    ['issued for an older password', forge(HS256, { ...claims, cred: cred - 1 })],
    ['no word of the password it is for', forge(HS256, { ...claims, cred: undefined })],
    ['garbage', 'a.b.c'],
  ])('with %s is refused', async (_name, token) => {
    const answer = await me(token);
    expect(answer.statusCode, answer.body).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(answer.json().code).toBe('invalid_token');
  });

  test('is needed everywhere but to get one', async () => {
    for (const url of ['/api/v1/items', '/api/v1/auth/me', '/api/v1/items/1/stock']) {
      expect((await api.app.inject({ url })).statusCode).toBe(401);
    }
  });

  test('of a viewer reads and does not write', async () => {
    expect((await api.as('viewer')('GET', '/items')).statusCode).toBe(200);
    const answer = await api.as('viewer')('POST', '/items', { sku: 'X', name: 'x' });
    expect(answer.statusCode).toBe(403);
    expect(answer.json().code).toBe('forbidden');
  });
});

describe('a refresh token', () => {
  test('is exchanged once; the second use ends the family', async () => {
    const first = await login();
    const second = (await post('/refresh', { refresh_token: first.refresh_token })).json();
    expect((await me(second.access_token)).statusCode).toBe(200);
    const third = (await post('/refresh', { refresh_token: second.refresh_token })).json();

    const reuse = await post('/refresh', { refresh_token: first.refresh_token });
    expect(reuse.statusCode).toBe(401);
    const victim = await post('/refresh', { refresh_token: third.refresh_token });
    expect(victim.statusCode).toBe(401);
  });

  test('is exchanged by one of two that come at once', async () => {
    const { refresh_token } = await login();
    const answers = await Promise.all([1, 2, 3, 4].map(() => post('/refresh', { refresh_token })));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 401, 401, 401]);
  });

  test('of another session is left alone by the end of one', async () => {
    const one = await login();
    const other = await login();
    await post('/refresh', { refresh_token: one.refresh_token });
    await post('/refresh', { refresh_token: one.refresh_token });
    expect((await post('/refresh', { refresh_token: other.refresh_token })).statusCode).toBe(200);
  });

  test('is void after its time', async () => {
    const { refresh_token } = await login();
    await api.database.client.query('UPDATE refresh_tokens SET expires_at = now() WHERE used_at IS NULL');
    expect((await post('/refresh', { refresh_token })).statusCode).toBe(401);
  });

  test('of an inactive user is refused, and so is the login', async () => {
    const { refresh_token } = await login('viewer');
    await api.database.client.query(`UPDATE users SET active = false WHERE username = 'viewer'`);
    expect((await post('/refresh', { refresh_token })).statusCode).toBe(401);
    expect((await post('/login', { username: 'viewer', password: PASSWORD })).statusCode).toBe(401);
    await api.database.client.query(`UPDATE users SET active = true WHERE username = 'viewer'`);
  });
});

describe('logout', () => {
  const logout = (accessToken: string, refresh_token: string) =>
    post('/logout', { refresh_token }, { authorization: `Bearer ${accessToken}` });

  test('ends the session', async () => {
    const { access_token, refresh_token } = await login();
    expect((await logout(access_token, refresh_token)).statusCode).toBe(204);
    expect((await post('/refresh', { refresh_token })).statusCode).toBe(401);
  });

  test('does not end that of another', async () => {
    const mine = await login('admin');
    const theirs = await login('manager');
    expect((await logout(mine.access_token, theirs.refresh_token)).statusCode).toBe(404);
    expect((await post('/refresh', { refresh_token: theirs.refresh_token })).statusCode).toBe(200);
  });
});

describe('logins are limited', () => {
  let strict: TestApi;
  beforeAll(async () => {
    strict = await startApi({ LOGIN_RATE_LIMIT_PER_MINUTE: '2', TRUSTED_PROXIES: '127.0.0.1' });
  });
  afterAll(() => strict.close());
  const attempt = (username: string, address: string, password = 'wrong') =>
    strict.app.inject({
      method: 'POST',
      url: '/api/v1/auth/login',
      headers: { 'x-forwarded-for': address },
      payload: { username, password },
    });

  test('by account and address: nobody else behind it is kept out, nor the account elsewhere', async () => {
    expect((await attempt('admin', '10.0.0.1')).statusCode).toBe(401);
    expect((await attempt('Admin', '10.0.0.1')).statusCode).toBe(401);
    const third = await attempt('ADMIN', '10.0.0.1');
    expect(third.statusCode).toBe(429);
    expect(third.headers['content-type']).toContain('application/problem+json');
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(0);
    expect((await attempt('manager', '10.0.0.1', PASSWORD)).statusCode).toBe(200);
    expect((await attempt('admin', '10.0.0.2', PASSWORD)).statusCode).toBe(200);
    expect((await strict.as('viewer')('GET', '/items')).statusCode).toBe(200);
  });

  test('by address, however many accounts are tried', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 25; n += 1) statuses.push((await attempt(`user${n}`, '10.0.0.3')).statusCode);
    expect(statuses).toEqual([...Array(20).fill(401), ...Array(5).fill(429)]);
  });
});

describe('a password that anybody would try first is refused', () => {
  test.each([
    ' '.repeat(12),
    'aaaaaaaaaaaa',
    'abababababab',
    'Jane.Doe1234',
    'jane.doejane.doe',
    'eod.enaj!!!!',
    '  shortest  ',
  ])('%j', async (password) => {
    const admin = api.app.repositories.users;
    const add = await api.app.inject({
      method: 'POST',
      url: '/api/v1/users',
      headers: { authorization: `Bearer ${forge(HS256, claims)}` },
      payload: { username: 'jane.doe', password, role: 'viewer' },
    });
    expect(add.statusCode, add.body).toBe(422);
    expect(add.json().errors[0].pointer).toBe('/body/password');
    expect(await admin.credentials('jane.doe')).toBeUndefined();
  });
});

describe('a change of the password', () => {
  const NEW = 'another long enough secret';
  test('ends every token at once, also of the same second', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      const [before, after] = turn % 2 === 0 ? [PASSWORD, NEW] : [NEW, PASSWORD];
      const session = (await post('/login', { username: 'manager', password: before })).json();
      const changed = await post(
        '/password',
        { current_password: before, new_password: after },
        { authorization: `Bearer ${session.access_token}` },
      );
      expect(changed.statusCode, changed.body).toBe(204);
      expect((await me(session.access_token)).statusCode).toBe(401);
      expect((await post('/refresh', { refresh_token: session.refresh_token })).statusCode).toBe(401);
      const fresh = (await post('/login', { username: 'manager', password: after })).json();
      expect((await me(fresh.access_token)).statusCode).toBe(200);
    }
    await api.app.repositories.users.revise(2, null, { passwordHash: await hashPassword(PASSWORD) }, SYSTEM);
    api.app.forgetPrincipal(2);
  });

  test('by another process lets the new one in at once', async () => {
    const known = (await post('/login', { username: 'manager', password: PASSWORD })).json();
    expect((await me(known.access_token)).statusCode).toBe(200);
    const { users } = api.app.repositories;
    await users.revise(2, null, { passwordHash: await hashPassword(NEW) }, SYSTEM);
    const fresh = (await post('/login', { username: 'manager', password: NEW })).json();
    expect((await me(fresh.access_token)).statusCode).toBe(200);
    expect((await me(known.access_token)).statusCode).toBe(401);
    await users.revise(2, null, { passwordHash: await hashPassword(PASSWORD) }, SYSTEM);
    api.app.forgetPrincipal(2);
  });

  test('ends a session that is being renewed meanwhile', async () => {
    const { refresh_token } = await login('admin');
    const { client } = api.database;
    await client.query('BEGIN');
    await client.query('SELECT FROM refresh_tokens FOR UPDATE');
    const renewed = post('/refresh', { refresh_token });
    await api.database.untilBlocked(1);
    // Another process changes the password, and does not see the successor.
    await client.query(`UPDATE users SET credentials_changed_at = now() WHERE id = ${FORGED_USER}`);
    await client.query('COMMIT');
    const successor = await renewed;
    if (successor.statusCode === 200) {
      const next = await post('/refresh', { refresh_token: successor.json().refresh_token });
      expect(next.statusCode).toBe(401);
    } else expect(successor.statusCode).toBe(401);
  });
});

test('of processes that start together, one makes the first admin', async () => {
  const { users } = api.app.repositories;
  await api.database.client.query('DELETE FROM refresh_tokens; DELETE FROM users');
  const user = { username: 'first', passwordHash: 'x', role: 'admin' } as const;
  const made = await Promise.all([1, 2, 3].map(() => users.addFirst(user, SYSTEM)));
  expect(made.filter(Boolean)).toHaveLength(1);
  expect(await users.addFirst({ ...user, username: 'second' }, SYSTEM)).toBe(false);
});
