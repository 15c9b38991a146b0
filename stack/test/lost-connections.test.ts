import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

// A connection may be lost at any time. Whoever used it is answered with 503, and life goes on.

let api: TestApi;
let manager: Ask;
let log: Record<string, unknown>[];

beforeEach(async () => {
  log = [];
  api = await startApi({ RATE_LIMIT_PER_MINUTE: '1000000' }, undefined, {
    logger: pino({ level: 'warn' }, { write: (line: string) => void log.push(JSON.parse(line)) }),
  });
  manager = api.as('manager');
  await manager('POST', '/items', { sku: 'A', name: 'one' });
  await manager('POST', '/items', { sku: 'B', name: 'two' });
  await manager('POST', '/stock/receive', { lines: [{ item_id: 1, quantity: 100 }] });
  await manager('GET', '/items/1');
  await api.app.inject('/health');
});
afterEach(() => api.close());

const CSV = { 'content-type': 'text/csv' };
const rows = (count: number) =>
  `sku,name,quantity\n${Array.from({ length: count }, (_, n) => `SKU-${n},a thing of a kind,5`).join('\n')}\n`;

/** Ends the API's connections that `where` selects. @returns how many. */
async function terminate(where = 'true'): Promise<number> {
  // In a transaction, the client's view of the activity would stay as it was.
  await api.database.client.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await api.database.client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'inventory-api%'
       AND ${where}`,
  );
  return rows.length;
}

async function terminateOnce(where: string): Promise<void> {
  while ((await terminate(where)) === 0) await delay(1);
}

async function expectLife(): Promise<void> {
  for (const answer of [
    await manager('GET', '/items/1'),
    await manager('GET', '/items'),
    await manager('GET', '/reports/valuation'),
    await manager('GET', '/items/export.csv'),
    await manager('POST', '/imports?mode=dry-run', rows(2), CSV),
    await api.app.inject('/health'),
  ]) {
    expect(answer.statusCode, answer.body).toBe(200);
  }
  expect((await manager('GET', '/stock/verify')).json().clean).toBe(true);
  expect(api.app.database.connections).toMatchObject({ waiting: 0 });
  expect(api.app.spool.stored).toBe(0);
}

test('idle ones: a line in the log each, and the next request is served', async () => {
  const idle = await terminate();
  await expect.poll(() => log.length).toBe(idle);
  expect(log).toEqual(Array(idle).fill(expect.objectContaining({ msg: 'database connection lost' })));
  await expectLife();
});

const WAITING = `wait_event_type = 'Lock'`;

describe('one that is used', () => {
  test.each([
    [
      'by a movement',
      'stock_levels',
      () => manager('POST', '/stock/issue', { lines: [{ item_id: 1, quantity: 1 }] }),
    ],
    [
      'by one of several lines',
      'stock_levels',
      () =>
        manager('POST', '/stock/adjust', {
          lines: [1, 2].map((item_id) => ({ item_id, delta: 1 })),
          reason: 'x',
        }),
    ],
    ['by a transaction', 'stock_levels', () => manager('DELETE', '/items/2', undefined, { 'if-match': '*' })],
    ['by a read that shares it', 'items', () => manager('GET', '/items/1')],
    ['by a list', 'items', () => manager('GET', '/items')],
    ['by a report', 'items', () => manager('GET', '/reports/valuation')],
    ['by a download', 'items', () => manager('GET', '/items/export.csv')],
    ['by an import', 'items', () => manager('POST', '/imports', rows(10), CSV)],
  ])('%s is a 503 and one line', async (_name, table, request) => {
    const { client } = api.database;
    await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const answer = request();
    await terminateOnce(WAITING);
    const { statusCode, headers, body } = await answer;
    await client.query('ROLLBACK');
    expect(statusCode, body).toBe(503);
    expect(headers['retry-after']).toBe('2');
    // A connection that others share is lost for all of them.
    expect(log.filter(({ level }) => level === 50)).toHaveLength(1);
    await expectLife();
  });
});

test('an import that loses it in whatever phase', async () => {
  const statuses = new Set<number>();
  for (let wait = 0; wait < 12; wait += 1) {
    const answer = manager('POST', '/imports?mode=dry-run', rows(20_000), CSV);
    await terminateOnce(`application_name = 'inventory-api-bulk' AND state <> 'idle'`);
    await delay(wait * 10);
    await terminate(`application_name = 'inventory-api-bulk'`);
    const { statusCode, body } = await answer;
    expect([200, 503], body).toContain(statusCode);
    statuses.add(statusCode);
  }
  expect(statuses).toContain(503);
  for (let wait = 0; wait < 12; wait += 1) {
    const answer = manager('POST', '/imports?mode=dry-run', rows(20_000), CSV);
    await delay(wait * 15);
    await terminate(`application_name = 'inventory-api-bulk'`);
    const { statusCode, body } = await answer;
    expect([200, 503], body).toContain(statusCode);
  }
  await expectLife();
});

test('all of them, again and again, under load', async () => {
  const statuses = new Map<number, number>();
  const end = Date.now() + 3000;
  const clients = Array.from({ length: 12 }, async (_, client) => {
    for (let turn = 0; Date.now() < end; turn += 1) {
      const requests = [
        () => manager('GET', '/items/1'),
        () => manager('POST', '/stock/issue', { lines: [{ item_id: 1, quantity: 1 }] }),
        () =>
          manager('POST', '/stock/receive', { lines: [1, 2].map((item_id) => ({ item_id, quantity: 1 })) }),
        () => manager('GET', '/items/export.csv'),
        () => manager('POST', '/imports?mode=dry-run', rows(500), CSV),
        () => manager('PATCH', '/items/2', { name: `n${turn}` }, { 'if-match': '*' }),
      ];
      const answer = await (requests[(client + turn) % requests.length] as () => ReturnType<Ask>)();
      expect([200, 201, 409, 503], answer.body).toContain(answer.statusCode);
      statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
    }
  });
  const killer = (async () => {
    while (Date.now() < end) {
      await delay(100);
      await terminate();
    }
  })();
  await Promise.all([...clients, killer]);
  expect(statuses.get(503)).toBeGreaterThan(0);
  await expectLife();
});

test('while a request waits for one of the pool', async () => {
  const { client } = api.database;
  await client.query('BEGIN; LOCK TABLE stock_levels IN ACCESS EXCLUSIVE MODE');
  const answers = Array.from({ length: 12 }, () =>
    manager('POST', '/stock/issue', { lines: [{ item_id: 1, quantity: 1 }] }),
  );
  await api.database.untilBlocked(4);
  await api.database.setReachable(false);
  for (const { statusCode, headers } of await Promise.all(answers)) {
    expect(statusCode).toBe(503);
    expect(headers['retry-after']).toBe('2');
  }
  expect((await api.app.inject('/health')).statusCode).toBe(503);
  await client.query('ROLLBACK');
  await api.database.setReachable(true);
  await expectLife();
});
