import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ask, startApi, type TestApi } from './api.js';

const POOL_SIZE = 4;

let api: TestApi;
let manager: Ask;

beforeEach(async () => {
  api = await startApi({ DATABASE_POOL_SIZE: String(POOL_SIZE) });
  manager = api.as('manager');
  await manager('POST', '/items', { sku: 'A', name: 'one' });
  await receive(100);
});
afterEach(() => api.close());

const receive = (quantity: number) =>
  manager('POST', '/stock/receive', { lines: [{ item_id: 1, quantity }] });
const issue = () => manager('POST', '/stock/issue', { lines: [{ item_id: 1, quantity: 1 }] });

describe('without the database', () => {
  test('requests are told to come back, health says so, and all recovers by itself', async () => {
    await api.database.setReachable(false);
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const answer = await manager('GET', '/items');
      expect(answer.statusCode, answer.body).toBe(503);
      expect(answer.headers['retry-after']).toBe('2');
    }
    expect((await api.app.inject('/health')).statusCode).toBe(503);
    expect((await api.app.inject('/health/live')).statusCode).toBe(200);

    await api.database.setReachable(true);
    expect((await manager('GET', '/items')).statusCode).toBe(200);
    expect((await api.app.inject('/health')).statusCode).toBe(200);
    expect(api.app.database.connections.total).toBeLessThanOrEqual(POOL_SIZE);
  });

  test('an operation that loses its connection is undone, and can be repeated with its key', async () => {
    const { client } = api.database;
    await client.query('BEGIN');
    await client.query('SELECT FROM stock_levels FOR UPDATE');
    const keyed = () =>
      manager('POST', '/stock/issue', { lines: [{ item_id: 1, quantity: 1 }] }, { 'idempotency-key': 'k' });
    const lost = keyed();
    await api.database.untilBlocked(1);
    await api.database.setReachable(false);
    expect((await lost).statusCode).toBe(503);
    await client.query('COMMIT');
    await api.database.setReachable(true);
    const repeated = await keyed();
    expect(repeated.statusCode).toBe(201);
    expect(repeated.headers['idempotency-replayed']).toBeUndefined();
    expect((await manager('GET', '/items/1/stock')).json().on_hand).toBe(99);
  });
});

test('a refused statement does not cost its connection', async () => {
  const pids = async () =>
    (
      await api.database.client.query(
        `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
         AND application_name = 'inventory-api' ORDER BY pid`,
      )
    ).rows;
  const before = await pids();
  for (let attempt = 0; attempt < 5; attempt += 1) {
    expect((await manager('POST', '/items', { sku: 'A', name: 'twin' })).statusCode).toBe(409);
  }
  expect(await pids()).toEqual(before);
});

test('more requests than the pool can serve are turned away at once, and the rest is served', async () => {
  const { client } = api.database;
  await client.query('BEGIN');
  await client.query('SELECT FROM stock_levels FOR UPDATE');
  const requests = Array.from({ length: 200 }, issue);
  await api.database.untilBlocked(POOL_SIZE);
  const shed = await Promise.race(requests);
  expect(shed.statusCode).toBe(503);
  expect(shed.headers['retry-after']).toBe('2');
  expect(api.app.database.connections).toEqual({ total: POOL_SIZE, idle: 0, waiting: 20 * POOL_SIZE });
  expect((await api.app.inject('/health')).statusCode).toBe(200);

  await client.query('COMMIT');
  const statuses = (await Promise.all(requests)).map(({ statusCode }) => statusCode);
  const served = statuses.filter((status) => status === 201).length;
  // On a busy machine, a few of those that wait do so for longer than they may.
  expect(served).toBeGreaterThan(0);
  expect(statuses.filter((status) => status === 503)).toHaveLength(200 - served);
  expect((await manager('GET', '/items/1/stock')).json().on_hand).toBe(100 - served);
  expect(api.app.database.connections.waiting).toBe(0);
});

test('work that PostgreSQL gives up for a deadlock is done again', async () => {
  const { database } = api.app;
  await manager('POST', '/items', { sku: 'B', name: 'two' });
  const touch = { text: 'UPDATE items SET version = version + 1 WHERE id = $1' };
  let attempts = 0;
  const meet = [0, 0];
  const crossing = (me: 0 | 1) =>
    database.transaction(async (session) => {
      attempts += 1;
      await session.query(touch, [me + 1]);
      meet[me] = 1;
      while (meet.includes(0)) await delay(1);
      await session.query(touch, [2 - me]);
    });
  await Promise.all([crossing(0), crossing(1)]);
  expect(attempts).toBeGreaterThan(2);
  const { rows } = await api.database.client.query('SELECT version FROM items ORDER BY id');
  expect(rows).toEqual([{ version: 3 }, { version: 3 }]);
});

test('a download that nobody takes gives its connection back', async () => {
  const { database } = api.app;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const taken = database.copyOut('COPY (SELECT generate_series(1, 10000000)) TO STDOUT', async (rows) => {
      rows.destroy();
      throw new Error('abandoned');
    });
    await expect(taken).rejects.toThrow('abandoned');
  }
  expect((await manager('GET', '/items/export.csv')).statusCode).toBe(200);
});

test('a download that fails is a problem, not half a file', async () => {
  const failing = 'COPY (SELECT 1 / (100000 - n) FROM generate_series(1, 100000) AS n) TO STDOUT';
  for (const sql of ['COPY (SELECT 1 / 0) TO STDOUT', failing]) {
    const file = await api.app.spool.create();
    await expect(api.app.database.copyOut(sql, (rows) => file.store(rows))).rejects.toMatchObject({
      code: '22012',
    });
    await file.close();
  }
  expect((await manager('GET', '/items/export.csv')).statusCode).toBe(200);
});

describe('metrics', () => {
  test('tell of requests by route, of the pool, of movements and imports', async () => {
    await issue();
    await manager('GET', '/items/1');
    await manager('POST', '/imports', 'sku,name\nX,x\n', { 'content-type': 'text/csv' });
    const { body, headers } = await api.app.inject('/metrics');
    expect(headers['content-type']).toContain('text/plain');
    const value = (series: string) =>
      Number(
        body
          .split('\n')
          .find((line) => line.startsWith(`${series} `))
          ?.slice(series.length),
      );
    expect(value('inventory_movements_total{kind="issue"}')).toBe(1);
    expect(value('inventory_movements_total{kind="receive"}')).toBe(1);
    expect(value('inventory_movements_total{kind="transfer"}')).toBe(0);
    expect(value('inventory_imports_total{status="applied"}')).toBe(1);
    expect(value('inventory_database_connections{state="waiting"}')).toBe(0);
    expect(
      value('http_request_duration_seconds_count{method="GET",route="/api/v1/items/:id",status="200"}'),
    ).toBe(1);
    expect(body).not.toContain('/items/1"');
  });

  test('are as promtool wants them', async ({ skip }) => {
    const promtool = spawn('promtool', ['check', 'metrics']);
    let complaints = '';
    promtool.stdout.on('data', (chunk) => {
      complaints += chunk;
    });
    promtool.stderr.on('data', (chunk) => {
      complaints += chunk;
    });
    promtool.stdin.on('error', () => {});
    const started = await once(promtool, 'spawn').then(
      () => true,
      () => false,
    );
    skip(!started, 'no promtool here (Debian: prometheus)');
    await issue();
    promtool.stdin.end((await api.app.inject('/metrics')).body);
    const [code] = await once(promtool, 'close');
    expect(complaints).toBe('');
    expect(code).toBe(0);
  });
});

test('keys and tokens that have served their time are removed, and no others', async () => {
  const keyed = (key: string) =>
    manager('POST', '/stock/issue', { lines: [{ item_id: 1, quantity: 1 }] }, { 'idempotency-key': key });
  await keyed('old');
  await keyed('new');
  const { client } = api.database;
  await client.query(`UPDATE idempotency_keys SET created_at = now() - interval '8 days' WHERE key = 'old';
    INSERT INTO refresh_tokens (token_hash, family, user_id, expires_at)
    SELECT sha256('over'), gen_random_uuid(), id, now() - interval '1 second' FROM users LIMIT 1;
    INSERT INTO refresh_tokens (token_hash, family, user_id, expires_at)
    SELECT sha256('good'), gen_random_uuid(), id, now() + interval '1 minute' FROM users LIMIT 1`);
  expect(await api.app.removeStale()).toBe(2);
  expect((await client.query('SELECT key FROM idempotency_keys')).rows).toEqual([{ key: 'new' }]);
  expect((await client.query('SELECT FROM refresh_tokens')).rows).toHaveLength(1);
});

test('imports and their flaws are removed by age and number, but not the memory of a file that is there at the start', async () => {
  const { client } = api.database;
  await client.query(`
    INSERT INTO imports (source, mode, status, sha256, bytes, row_count, created_count, updated_count, unchanged_count,
      stocked_count, error_count, started_at, finished_at)
    SELECT source, 'partial', 'applied', name, 1, 1, 0, 0, 0, 0, 1, now(), now() - age
    FROM (VALUES
      ('upload', 'forgotten', interval '366 days'), ('startup', 'ancient', interval '5 years'),
      ('upload', 'old', interval '31 days'), ('upload', 'fresh', interval '29 days')
    ) AS import (source, name, age);
    INSERT INTO import_errors (import_id, row_number, code, message) SELECT id, 1, 'x', 'x' FROM imports`);
  const left = async () => ({
    imports: (await client.query('SELECT sha256 FROM imports ORDER BY id')).rows.map((row) => row.sha256),
    flaws: (
      await client.query('SELECT sha256 FROM import_errors JOIN imports ON id = import_id ORDER BY id')
    ).rows.map((row) => row.sha256),
  });
  // Three flaws, and one import.
  expect(await api.app.removeStale()).toBe(4);
  expect(await left()).toEqual({ imports: ['ancient', 'old', 'fresh'], flaws: ['fresh'] });
  expect(await api.app.removeStale()).toBe(0);

  await client.query(`
    INSERT INTO imports (source, mode, status, sha256, bytes, row_count, created_count, updated_count, unchanged_count,
      stocked_count, error_count, started_at)
    SELECT 'upload', 'partial', 'applied', n, 1, 1, 0, 0, 0, 0, 1, now() FROM generate_series(1, 999) AS n;
    INSERT INTO import_errors (import_id, row_number, code, message) SELECT max(id), 1, 'x', 'x' FROM imports`);
  expect(await api.app.removeStale()).toBe(0);
  await client.query(`
    INSERT INTO imports (source, mode, status, sha256, bytes, row_count, created_count, updated_count, unchanged_count,
      stocked_count, error_count, started_at)
    VALUES ('upload', 'partial', 'applied', 'newest', 1, 1, 0, 0, 0, 0, 1, now())`);
  expect(await api.app.removeStale()).toBe(1);
  expect((await left()).flaws).toEqual(['999']);
});
