import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ApiClient } from '../../src/replay/api-client.js';
import { createDatabase, type TestDatabase } from '../api.js';
import { type ApiProcess, startProcess } from '../process/api-process.js';
import { brokenInvariants } from './audit.js';
import { naiveIssue } from './naive-issue.js';
import { anyOperation, type StockRequest } from './operations.js';
import { Random } from './random.js';

const SEED = Number(process.env.STORM_SEED ?? Date.now() % 1_000_000);
const CLIENTS = 16;
const OPERATIONS_PER_CLIENT = 30;
const ADMIN = { username: 'admin', password: 'correct horse battery staple' };

let database: TestDatabase;
let running: ApiProcess[];

beforeEach(async () => {
  database = await createDatabase();
  running = [];
});
afterEach(async () => {
  for (const { child, exited } of running) {
    child.kill('SIGKILL');
    await exited;
  }
  await database.drop();
});

function start(env: Record<string, string> = {}): ApiProcess {
  const api = startProcess({
    ...database.env,
    ADMIN_PASSWORD: ADMIN.password,
    RATE_LIMIT_PER_MINUTE: '1000000',
    DATABASE_POOL_SIZE: '4',
    LOG_LEVEL: 'info',
    ...env,
  });
  running.push(api);
  return api;
}

/** Six items; of the first five, some stock. */
async function stockUp(client: ApiClient): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await client.expect({
    method: 'POST',
    path: '/locations',
    headers,
    body: '{"code": "attic", "name": "Attic"}',
  });
  for (const sku of ['A', 'B', 'C', 'D', 'E', 'F']) {
    await client.expect({
      method: 'POST',
      path: '/items',
      headers,
      body: JSON.stringify({ sku, name: sku }),
    });
  }
  const lines = [1, 2, 3, 4, 5].map((item_id) => ({ item_id, quantity: 30 }));
  await client.expect({ method: 'POST', path: '/stock/receive', headers, body: JSON.stringify({ lines }) });
}

test('a storm on three processes, one of which is killed in the middle, leaves a ledger without a flaw', async () => {
  console.log(`STORM_SEED=${SEED}`);
  const first = start();
  const port = new URL(await first.url).port;
  const others = [start(), start()];
  const urls = await Promise.all([first, ...others].map(({ url }) => url));
  const clients = urls.map((url) => new ApiClient(url, ADMIN));
  await stockUp(clients[0] as ApiClient);

  const groups: number[] = [];
  const acknowledged = new Map<string, number>();
  const statuses = new Map<number, number>();
  const perform = async (client: ApiClient, key: string, { path, body }: StockRequest) => {
    const answer = await client.send({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    });
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    if (answer.status !== 201) return;
    const { group } = answer.body as { group: number };
    // Whichever process answers, and however often: the same key is the same operation.
    expect(acknowledged.get(key) ?? group).toBe(group);
    acknowledged.set(key, group);
    groups.push(group);
  };

  let started = 0;
  const killed = CLIENTS * OPERATIONS_PER_CLIENT * 0.4;
  let restarted: Promise<string> | undefined;
  const one = async (number: number) => {
    const random = new Random(SEED + number);
    for (let step = 0; step < OPERATIONS_PER_CLIENT; step += 1) {
      started += 1;
      if (started === killed) {
        first.child.kill('SIGKILL');
        restarted = first.exited.then(() => start({ PORT: port }).url);
      }
      const operation = anyOperation(random, groups);
      const key = `${number}-${step}`;
      const copies = random.integer(1, 4) === 1 ? 2 : 1;
      await Promise.all(Array.from({ length: copies }, () => perform(random.pick(clients), key, operation)));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => one(number)));
  await restarted;

  expect(first.child.signalCode).toBe('SIGKILL');
  expect([...statuses.keys()].filter((status) => ![201, 404, 409, 422].includes(status))).toEqual([]);
  // The storm has moved something, and met refusals.
  expect(acknowledged.size).toBeGreaterThan(CLIENTS * 5);
  expect(statuses.get(409)).toBeGreaterThan(0);
  expect(await brokenInvariants(database.client)).toEqual([]);
  const { rows } = await database.client.query(
    'SELECT key, response::json->>\'group\' AS "group" FROM idempotency_keys',
  );
  const stored = new Map(rows.map(({ key, group }) => [key, Number(group)]));
  for (const [key, group] of acknowledged) expect(stored.get(key), key).toBe(group);
});

test('the same check finds the flaw of a naive issue', async () => {
  console.log(`STORM_SEED=${SEED}`);
  const api = start();
  await stockUp(new ApiClient(await api.url, ADMIN));
  const pool = new pg.Pool({
    host: database.env.DATABASE_HOST,
    port: Number(database.env.DATABASE_PORT),
    user: database.env.DATABASE_USER,
    password: database.env.POSTGRESQL_PWD,
    database: database.env.DATABASE_NAME,
    max: CLIENTS,
  });
  // The database is dropped while the last connections still say goodbye.
  pool.on('error', () => {});
  try {
    expect(await brokenInvariants(database.client)).toEqual([]);
    const one = async (number: number) => {
      const random = new Random(SEED + number);
      for (let step = 0; step < 10; step += 1) await naiveIssue(pool, random.integer(1, 2), 1);
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, number) => one(number)));
    const broken = await brokenInvariants(database.client);
    expect(broken.map((flaw) => flaw.split(':', 1)[0])).toEqual(
      expect.arrayContaining([
        'on hand is the sum of the movements',
        'each balance follows from the one before',
      ]),
    );
  } finally {
    await pool.end();
  }
});

test('a rolling restart under load loses no acknowledged request, and refuses none', async () => {
  const initial = [start(), start()];
  const ports = (await Promise.all(initial.map(({ url }) => url))).map((url) => new URL(url).port);
  const clients = ports.map((port) => new ApiClient(`http://127.0.0.1:${port}`, ADMIN));
  await stockUp(clients[0] as ApiClient);

  let going = true;
  let acknowledged = 0;
  const receive = async (number: number) => {
    for (let step = 0; going; step += 1) {
      // Round robin. A process that is away is asked again, with the same key, until it is back.
      const client = clients[(number + step) % clients.length] as ApiClient;
      const answer = await client.send({
        method: 'POST',
        path: '/stock/receive',
        headers: { 'content-type': 'application/json', 'idempotency-key': `r-${number}-${step}` },
        body: '{"lines":[{"item_id":6,"quantity":1}]}',
      });
      expect(answer.status).toBe(201);
      acknowledged += 1;
    }
  };
  const load = Promise.all(Array.from({ length: 8 }, (_, number) => receive(number)));
  for (const [index, api] of initial.entries()) {
    const before = acknowledged;
    while (acknowledged < before + 50) await delay(5);
    api.child.kill('SIGTERM');
    expect(await api.exited).toBe(0);
    await start({ PORT: ports[index] ?? '' }).url;
  }
  going = false;
  await load;
  const { rows } = await database.client.query('SELECT on_hand::int FROM stock_levels WHERE item_id = 6');
  expect(rows).toEqual([{ on_hand: acknowledged }]);
  expect(await brokenInvariants(database.client)).toEqual([]);
});
