import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SYSTEM } from '../src/repositories/audit.js';
import { JWT_KEY, PASSWORD, startApi, type TestApi } from './api.js';

let api: TestApi;

beforeAll(async () => {
  api = await startApi({ LOGIN_RATE_LIMIT_PER_MINUTE: '1000' });
  // The claims below are older than the users.
  await api.database.client.query(`UPDATE users SET credentials_changed_at = now() - interval '1 minute'`);
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
const claims = { sub: '1', iss: 'inventory-api', iat: now, exp: now + 1800 };

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
    ['no expiry', forge(HS256, { sub: '1', iss: 'inventory-api', iat: now })],
    ['another issuer', forge(HS256, { ...claims, iss: 'elsewhere' })],
    ['an unknown user', forge(HS256, { ...claims, sub: '4711' })],
    ['a user who is none', forge(HS256, { ...claims, sub: 'x' })],
    ['issued before the password was set', forge(HS256, { ...claims, iat: now - 3600 })],
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

test('logins are limited more strictly than the rest', async () => {
  const strict = await startApi({ LOGIN_RATE_LIMIT_PER_MINUTE: '2' });
  try {
    const attempt = () =>
      strict.app.inject({
        method: 'POST',
        url: '/api/v1/auth/login',
        payload: { username: 'admin', password: 'wrong' },
      });
    expect((await attempt()).statusCode).toBe(401);
    expect((await attempt()).statusCode).toBe(401);
    const third = await attempt();
    expect(third.statusCode).toBe(429);
    expect(third.headers['content-type']).toContain('application/problem+json');
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(0);
    expect((await strict.as('viewer')('GET', '/items')).statusCode).toBe(200);
  } finally {
    await strict.close();
  }
});

test('of processes that start together, one makes the first admin', async () => {
  const { users } = api.app.repositories;
  await api.database.client.query('DELETE FROM refresh_tokens; DELETE FROM users');
  const user = { username: 'first', passwordHash: 'x', role: 'admin' } as const;
  const made = await Promise.all([1, 2, 3].map(() => users.addFirst(user, SYSTEM)));
  expect(made.filter(Boolean)).toHaveLength(1);
  expect(await users.addFirst({ ...user, username: 'second' }, SYSTEM)).toBe(false);
});
