import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';
import { type StallingProxy, startStallingProxy } from './postgres/stalling-proxy.js';

// A database that takes connections and answers nothing: a machine that swaps, a network that drops packets.

const POOL_SIZE = 4;
/** The pool, the shared connection for reads, and the one for health. */
const CONNECTIONS = POOL_SIZE + 2;

let proxy: StallingProxy;
let api: TestApi;
let manager: Ask;

beforeEach(async () => {
  api = await startApi(
    { DATABASE_POOL_SIZE: String(POOL_SIZE), RATE_LIMIT_PER_MINUTE: '100000' },
    async ({ env }) => {
      proxy = await startStallingProxy(env.DATABASE_HOST ?? '', Number(env.DATABASE_PORT));
      return { DATABASE_HOST: '127.0.0.1', DATABASE_PORT: String(proxy.port) };
    },
  );
  manager = api.as('manager');
  await manager('POST', '/items', { sku: 'A', name: 'one' });
  await manager('POST', '/stock/receive', { lines: [{ item_id: 1, quantity: 100 }] });
});
afterEach(async () => {
  proxy.resume();
  await api.close();
  await proxy.close();
});

const issue = () => manager('POST', '/stock/issue', { lines: [{ item_id: 1, quantity: 1 }] });
const health = async () => (await api.app.inject('/health')).statusCode;

/** Connections of the API, as the server counts them. */
async function openConnections(): Promise<number> {
  const { rows } = await api.database.client.query(
    `SELECT count(*)::int FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'inventory-api%'`,
  );
  return rows[0].count;
}

test('fails no request in another way than 503, and is back by itself', async () => {
  proxy.stall();
  const requests = ['/items/1', '/items', '/items/1/stock'].flatMap((path) =>
    Array.from({ length: 8 }, () => manager('GET', path)),
  );
  const answers = await Promise.all([...requests, ...Array.from({ length: 8 }, issue)]);
  for (const { statusCode, headers, body } of answers) {
    expect(statusCode, body).toBe(503);
    expect(headers['retry-after']).toBe('2');
  }
  expect(await health()).toBe(503);
  expect((await api.app.inject('/health/live')).statusCode).toBe(200);

  proxy.resume();
  await expect.poll(health, { timeout: 20_000 }).toBe(200);
  expect((await manager('GET', '/items/1')).statusCode).toBe(200);
  expect((await issue()).statusCode).toBe(201);
  expect((await manager('GET', '/stock/verify')).json().clean).toBe(true);
  expect(api.app.database.connections).toMatchObject({ waiting: 0 });
  await expect.poll(openConnections, { timeout: 20_000 }).toBeLessThanOrEqual(CONNECTIONS);
});

test('keeps a bounded number of reads waiting, which are served when it is back', async () => {
  const limit = 20 * POOL_SIZE;
  const answered: number[] = [];
  proxy.stall();
  const reads = Array.from({ length: 200 }, async () => {
    const { statusCode } = await manager('GET', '/items/1');
    answered.push(statusCode);
    return statusCode;
  });
  await expect.poll(() => answered.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(200 - limit);
  expect(answered).toEqual(Array(200 - limit).fill(503));

  proxy.resume();
  const statuses = await Promise.all(reads);
  expect(statuses.filter((status) => status === 200)).toHaveLength(limit);
  expect(await openConnections()).toBeLessThanOrEqual(CONNECTIONS);
});
