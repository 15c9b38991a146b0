import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDatabase, PASSWORD, type TestDatabase } from '../api.js';
import { type ApiProcess, startProcess } from '../process/api-process.js';
import { type Receiver, startReceiver } from './receiver.js';

let database: TestDatabase;
let receiver: Receiver;
const processes: ApiProcess[] = [];

beforeEach(async () => {
  database = await createDatabase();
  receiver = await startReceiver();
});
afterEach(async () => {
  for (const { child } of processes.splice(0)) child.kill('SIGKILL');
  await receiver.close();
  await database.drop();
});

async function start(): Promise<{ readonly process: ApiProcess; readonly ask: Ask }> {
  const process = startProcess({
    ...database.env,
    ADMIN_PASSWORD: PASSWORD,
    LOGIN_RATE_LIMIT_PER_MINUTE: '1000',
    RATE_LIMIT_PER_MINUTE: '100000',
    WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8',
  });
  processes.push(process);
  const url = await process.url;
  const post = (path: string, body: object, token = '') =>
    fetch(`${url}/api/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
  const login = await post('/auth/login', { username: 'admin', password: PASSWORD });
  const { access_token } = (await login.json()) as { access_token: string };
  return { process, ask: async (path, body) => (await post(path, body, access_token)).json() };
}

type Ask = (path: string, body: object) => Promise<unknown>;

test('the API is killed while events are sent and made: each that was committed arrives, in the order of its item', async () => {
  const first = await start();
  const item = (await first.ask('/items', { sku: 'A', name: 'one' })) as { id: number };
  await first.ask('/stock/receive', { lines: [{ item_id: item.id, quantity: 100_000 }] });
  await first.ask('/webhooks', { url: receiver.url, events: ['stock.moved'] });
  // Slow enough for many to wait.
  receiver.answer = (response) => void setTimeout(() => response.writeHead(204).end(), 5);

  let going = true;
  const issuing = Array.from({ length: 4 }, async () => {
    while (going) {
      await first.ask('/stock/issue', { lines: [{ item_id: item.id, quantity: 1 }] }).catch(() => {
        going = false;
      });
    }
  });
  await expect.poll(() => receiver.received.length).toBeGreaterThan(30);
  first.process.child.kill('SIGKILL');
  await first.process.exited;
  await Promise.all(issuing);
  const { rows: committed } = await database.client.query<{ group_id: string }>(
    `SELECT group_id FROM movements WHERE kind = 'issue' ORDER BY id`,
  );
  const known = () => new Set(receiver.received.map(({ body }) => String(body.data.group)));
  expect(known().size).toBeLessThan(committed.length);

  // Rather than to wait for the lease of the process that is no more.
  await database.client.query('UPDATE webhooks SET leased_until = now()');
  const second = await start();
  await expect.poll(() => known().size).toBe(committed.length);
  const firsts = [...new Map(receiver.received.map((one) => [one.id, one])).values()];
  expect(firsts.map(({ body }) => String(body.data.group))).toEqual(
    committed.map(({ group_id }) => group_id),
  );
  // What was being sent, at the most.
  expect(receiver.received.length - firsts.length).toBeLessThanOrEqual(1);

  // A stop in good order leaves nothing to wait for.
  await second.ask('/stock/issue', { lines: [{ item_id: item.id, quantity: 1 }] });
  second.process.child.kill('SIGTERM');
  expect(await second.process.exited).toBe(0);
  const { rows } = await database.client.query('SELECT FROM webhooks WHERE leased_until IS NOT NULL');
  expect(rows).toEqual([]);
});

test('the lease of a process that was killed runs out', async () => {
  const { ask, process } = await start();
  const item = (await ask('/items', { sku: 'A', name: 'one' })) as { id: number };
  await ask('/webhooks', { url: receiver.url, events: ['stock.moved'] });
  receiver.answer = () => {};
  await ask('/stock/receive', { lines: [{ item_id: item.id, quantity: 1 }] });
  await expect.poll(() => receiver.received.length).toBe(1);
  process.child.kill('SIGKILL');
  await process.exited;
  await database.client.query(`UPDATE webhooks SET leased_until = now() + interval '1 hour'`);
  receiver.answer = 204;
  await start();
  await delay(2000);
  expect(receiver.received.length).toBe(1);
  await database.client.query(`UPDATE webhooks SET leased_until = now() + interval '1 second'`);
  await expect.poll(() => receiver.received.length).toBe(2);
  expect(receiver.received[1]?.id).toBe(receiver.received[0]?.id);
});
