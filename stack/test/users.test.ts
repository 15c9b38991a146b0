import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ask, PASSWORD, startApi, type TestApi } from './api.js';

let api: TestApi;
let userNumber = 0;

beforeAll(async () => {
  api = await startApi({ LOGIN_RATE_LIMIT_PER_MINUTE: '1000' });
});
afterAll(() => api.close());

const admin: Ask = (...request) => api.as('admin')(...request);

const NEW_PASSWORD = 'another long password';

async function newUser(role = 'viewer'): Promise<{ id: number; username: string }> {
  userNumber += 1;
  const added = await admin('POST', '/users', { username: `user${userNumber}`, password: PASSWORD, role });
  expect(added.statusCode, added.body).toBe(201);
  expect(added.body).not.toContain('password');
  return added.json();
}

const login = (username: string, password = PASSWORD) =>
  api.app.inject({ method: 'POST', url: '/api/v1/auth/login', payload: { username, password } });

const patch = (id: number, body: object, ifMatch = '*') =>
  admin('PATCH', `/users/${id}`, body, { 'if-match': ifMatch });

test('users are the business of admins alone', async () => {
  const { id } = await newUser();
  for (const role of ['viewer', 'manager'] as const) {
    const ask = api.as(role);
    expect((await ask('GET', '/users')).statusCode).toBe(403);
    expect((await ask('GET', `/users/${id}`)).statusCode).toBe(403);
    expect(
      (await ask('POST', '/users', { username: 'x', password: PASSWORD, role: 'admin' })).statusCode,
    ).toBe(403);
    expect((await ask('PATCH', `/users/${id}`, { role: 'admin' }, { 'if-match': '*' })).statusCode).toBe(403);
    expect((await ask('GET', '/audit')).statusCode).toBe(403);
  }
});

test('a user is added, logs in, is listed and read', async () => {
  const { id, username } = await newUser('manager');
  expect((await login(username)).statusCode).toBe(200);
  const read = await admin('GET', `/users/${id}`);
  expect(read.json()).toMatchObject({ id, username, role: 'manager', active: true, version: 1 });
  const names = (await admin('GET', '/users?limit=200'))
    .json()
    .data.map((user: { username: string }) => user.username);
  expect(names).toContain(username);
  expect(names).toEqual([...names].sort());
});

test.each([
  [{ username: 'ADMIN', password: PASSWORD, role: 'viewer' }, 409],
  [{ username: 'with space', password: PASSWORD, role: 'viewer' }, 422],
  [{ username: 'fine', password: 'too short', role: 'viewer' }, 422],
  [{ username: 'fine', password: PASSWORD, role: 'root' }, 422],
  [{ username: 'fine', password: PASSWORD }, 422],
])('%j is refused with %i', async (body, status) => {
  const answer = await admin('POST', '/users', body);
  expect(answer.statusCode).toBe(status);
  expect(answer.body).not.toContain(body.password);
});

describe('a change', () => {
  test('needs the version', async () => {
    const { id } = await newUser();
    expect((await admin('PATCH', `/users/${id}`, { role: 'manager' })).statusCode).toBe(428);
    expect((await patch(id, { role: 'manager' }, '"2"')).statusCode).toBe(412);
    expect((await patch(id, { role: 'manager' }, '"1"')).json()).toMatchObject({
      role: 'manager',
      version: 2,
    });
    expect((await patch(999_999, { role: 'manager' })).statusCode).toBe(404);
  });

  test('of the password ends sessions, and only the new one logs in', async () => {
    const { id, username } = await newUser();
    const { refresh_token } = (await login(username)).json();
    expect((await patch(id, { password: NEW_PASSWORD })).statusCode).toBe(200);
    expect((await login(username)).statusCode).toBe(401);
    expect((await login(username, NEW_PASSWORD)).statusCode).toBe(200);
    const refreshed = await api.app.inject({
      method: 'POST',
      url: '/api/v1/auth/refresh',
      payload: { refresh_token },
    });
    expect(refreshed.statusCode).toBe(401);
  });

  test('by oneself needs the current password', async () => {
    const { username } = await newUser();
    const { access_token } = (await login(username)).json();
    const change = (current_password: string) =>
      api.app.inject({
        method: 'POST',
        url: '/api/v1/auth/password',
        headers: { authorization: `Bearer ${access_token}` },
        payload: { current_password, new_password: NEW_PASSWORD },
      });
    expect((await change('wrong')).statusCode).toBe(401);
    expect((await change(PASSWORD)).statusCode).toBe(204);
    expect((await login(username)).statusCode).toBe(401);
    expect((await login(username, NEW_PASSWORD)).statusCode).toBe(200);
  });

  test('to inactive keeps the user out, whatever tokens they hold', async () => {
    const { id, username } = await newUser();
    const { access_token } = (await login(username)).json();
    expect((await patch(id, { active: false })).statusCode).toBe(200);
    expect((await login(username)).statusCode).toBe(401);
    // This process has not seen the token before; another would for five seconds at most.
    const answer = await api.app.inject({
      url: '/api/v1/auth/me',
      headers: { authorization: `Bearer ${access_token}` },
    });
    expect(answer.statusCode).toBe(401);
  });

  test('cannot leave nobody to manage users, even by two at once', async () => {
    const own = await startApi();
    try {
      const ask = own.as('admin');
      const users: { id: number; role: string }[] = (await ask('GET', '/users')).json().data;
      const first = users.find(({ role }) => role === 'admin')?.id;
      const second = (
        await ask('POST', '/users', { username: 'second', password: PASSWORD, role: 'admin' })
      ).json().id;
      const demote = (id: number) => ask('PATCH', `/users/${id}`, { role: 'manager' }, { 'if-match': '*' });
      // Another process is about to demote the first, and has not committed yet.
      const { client } = own.database;
      await client.query('BEGIN');
      await client.query(`UPDATE users SET role = 'manager' WHERE id = $1`, [first]);
      const demoted = demote(second);
      await Promise.race([own.database.untilBlocked(1), demoted]);
      await client.query('COMMIT');
      expect((await demoted).json()).toMatchObject({ status: 409, code: 'last_admin' });
      const { rows } = await own.database.client.query(`SELECT FROM users WHERE role = 'admin' AND active`);
      expect(rows).toHaveLength(1);
    } finally {
      await own.close();
    }
  });
});

test('the audit log tells who changed whom, and keeps no hash', async () => {
  const { id } = await newUser();
  await patch(id, { role: 'manager' });
  const entries = (await admin('GET', `/audit?entity=user&entity_id=${id}`)).json().data;
  expect(entries.map(({ action }: { action: string }) => action)).toEqual(['update', 'create']);
  expect(entries[0].state).toMatchObject({ id, role: 'manager', version: 2 });
  expect(JSON.stringify(entries)).not.toMatch(/password|argon2/);
});
