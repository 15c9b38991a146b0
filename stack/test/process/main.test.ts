import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../api.js';
import { type ApiProcess, startProcess } from './api-process.js';

let database: TestDatabase;
let folder: string;
let running: ApiProcess[];

beforeEach(async () => {
  database = await createDatabase({ migrated: false });
  folder = mkdtempSync(join(tmpdir(), 'api-process-'));
  running = [];
});
afterEach(async () => {
  for (const { child, exited } of running) {
    child.kill('SIGKILL');
    await exited;
  }
  rmSync(folder, { recursive: true });
  await database.drop();
});

function start(env: Record<string, string> = {}): ApiProcess {
  const api = startProcess({ ...database.env, ...env }, folder);
  running.push(api);
  return api;
}

const ADMIN = { ADMIN_PASSWORD: 'correct horse battery staple' };

async function login(url: string): Promise<string> {
  const answer = await fetch(`${url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: ADMIN.ADMIN_PASSWORD }),
  });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { access_token: string }).access_token;
}

function messages({ log }: ApiProcess): unknown[] {
  return log.map(({ msg }) => msg);
}

test('three processes that start at once on an empty database become one system', async () => {
  writeFileSync(join(folder, 'inventory.csv'), 'sku,name,quantity\nA,one,5\n');
  const apis = [1, 2, 3].map(() => start({ ...ADMIN, INVENTORY_CSV_FILEPATH: 'inventory.csv' }));
  const urls = await Promise.all(apis.map(({ url }) => url));
  for (const url of urls) {
    const answer = await fetch(`${url}/api/v1/items/1/stock`, {
      headers: { authorization: `Bearer ${await login(url)}` },
    });
    expect(await answer.json()).toMatchObject({ on_hand: 5 });
  }
  const logged = apis.flatMap(messages);
  expect(logged.filter((message) => message === 'created the first admin')).toHaveLength(1);
  expect(logged.filter((message) => message === 'inventory file applied')).toHaveLength(1);
});

test('without an admin password the API starts, and says that nobody can log in', async () => {
  const api = start();
  expect((await fetch(`${await api.url}/health`)).status).toBe(200);
  expect(api.log).toContainEqual(
    expect.objectContaining({ level: 40, msg: expect.stringContaining('nobody can log in') }),
  );
});

test('a broken inventory file is logged, and no reason to refuse service', async () => {
  writeFileSync(join(folder, 'inventory.csv'), 'PK\u0003\u0004\u0000');
  const api = start({ INVENTORY_CSV_FILEPATH: 'inventory.csv' });
  expect((await fetch(`${await api.url}/health`)).status).toBe(200);
  expect(api.log).toContainEqual(expect.objectContaining({ level: 50, file: 'inventory.csv' }));
});

describe('the API does not start', () => {
  test('with invalid settings, and logs all of them in one line', async () => {
    const api = start({
      JWT_SECRET_KEY: 'your-super-secret-jwt-key-change-in-production',
      DATABASE_PORT: 'x',
    });
    expect(await api.exited).toBe(1);
    expect(api.log).toEqual([
      expect.objectContaining({
        level: 60,
        msg: 'invalid settings',
        problems: [expect.any(String), expect.any(String)],
      }),
    ]);
  });

  test('with a password for the admin that anybody would try first', async () => {
    const api = start({ ADMIN_PASSWORD: 'admin-admin-admin' });
    expect(await api.exited).toBe(1);
    expect(JSON.stringify(api.log)).toContain('ADMIN_PASSWORD must not be the user name and little more');
    expect(JSON.stringify(api.log)).not.toContain('admin-admin');
  });

  test('with a wrong database password, which it does not log', async () => {
    const api = start({ POSTGRESQL_PWD: 'a wrong password' });
    expect(await api.exited).toBe(1);
    expect(api.log).toContainEqual(expect.objectContaining({ level: 60, msg: 'the API cannot start' }));
    expect(JSON.stringify(api.log)).not.toContain('a wrong password');
  });
});

test('a database that cannot serve at first, as under load, is waited for', async () => {
  const other = start(ADMIN);
  await other.url;
  other.child.kill('SIGTERM');
  await other.exited;
  // The schema is there; what comes after it finds the table of users locked for longer than a request may wait.
  await database.client.query('DELETE FROM refresh_tokens; DELETE FROM users');
  await database.client.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
  const api = start(ADMIN);
  while (!api.log.some(({ msg }) => msg === 'waiting for the database')) {
    await Promise.race([once(api.child.stdout ?? api.child, 'data'), api.exited]);
    expect(api.child.exitCode).toBeNull();
  }
  await database.client.query('COMMIT');
  expect((await fetch(`${await api.url}/health`)).status).toBe(200);
  expect(messages(api)).toContain('created the first admin');
});

describe('stopping', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s finishes the request in progress and exits with 0',
    async (signal) => {
      const api = start(ADMIN);
      const url = await api.url;
      const authorization = `Bearer ${await login(url)}`;
      const headers = { authorization, 'content-type': 'application/json' };
      await fetch(`${url}/api/v1/items`, { method: 'POST', headers, body: '{"sku":"A","name":"one"}' });
      const receive = () =>
        fetch(`${url}/api/v1/stock/receive`, {
          method: 'POST',
          headers,
          body: '{"lines":[{"item_id":1,"quantity":1}]}',
        });
      await receive();

      await database.client.query('BEGIN');
      await database.client.query('SELECT FROM stock_levels FOR UPDATE');
      const inProgress = receive();
      await database.untilBlocked(1);
      api.child.kill(signal);
      await untilRefused(url);
      // An impatient Ctrl-C changes nothing.
      api.child.kill(signal);
      await database.client.query('COMMIT');
      expect((await inProgress).status).toBe(201);
      expect(await api.exited).toBe(0);
      expect(messages(api)).toContain('stopped');
      const { rows } = await database.client.query('SELECT on_hand::int FROM stock_levels');
      expect(rows).toEqual([{ on_hand: 2 }]);
    },
  );

  test('while it waits for the database ends it as well', async () => {
    const api = start({ DATABASE_PORT: '1' });
    while (api.log.length === 0) await once(api.child.stdout ?? api.child, 'data');
    api.child.kill('SIGTERM');
    expect(await api.exited).toBe(0);
  });
});

async function untilRefused(url: string): Promise<void> {
  for (;;) {
    try {
      await fetch(`${url}/health/live`, { headers: { connection: 'close' } });
    } catch {
      return;
    }
  }
}

describe('the health check of the container', () => {
  const check = async (port: string) => {
    const script = fileURLToPath(new URL('../../dist/healthcheck.js', import.meta.url));
    const child = spawn(process.execPath, [script], { env: { PORT: port }, stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    return code;
  };

  test('exits with 0 for a healthy API, and with 1 for none', async () => {
    const api = start();
    expect(await check(new URL(await api.url).port)).toBe(0);
    api.child.kill('SIGTERM');
    await api.exited;
    expect(await check(new URL(await api.url).port)).toBe(1);
  });

  test('exits with 1 when the database is gone', async () => {
    const api = start();
    const url = await api.url;
    await database.setReachable(false);
    expect(await check(new URL(url).port)).toBe(1);
  });
});
