import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { receive } from '../src/importer/source-file.js';
import { Spool } from '../src/spool/spool.js';
import { type Ask, startApi, type TestApi } from './api.js';

// Who sends or reads slowly keeps only themselves waiting.

let api: TestApi;
let manager: Ask;
let port: number;
let sockets: Socket[];

beforeEach(async () => {
  api = await startApi();
  manager = api.as('manager');
  port = Number(new URL(await api.app.listen({ host: '127.0.0.1', port: 0 })).port);
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await api.close();
});

const CSV = { 'content-type': 'text/csv' };

/** Sends the beginning of a request, and reads nothing. */
async function begin(head: string, body = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  const { manager } = api.tokens;
  socket.write(`${head} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${manager}\r\n`);
  socket.write(`content-type: text/csv\r\ncontent-length: ${body === '' ? 0 : 1_000_000}\r\n\r\n${body}`);
  return socket;
}

async function expectService(): Promise<void> {
  for (const path of [
    '/reports/valuation',
    '/reports/movements-daily',
    '/stock/verify',
    '/items/export.csv',
  ]) {
    expect((await manager('GET', path)).statusCode, path).toBe(200);
  }
  expect((await manager('POST', '/imports?mode=dry-run', 'sku,name\nQ,q\n', CSV)).statusCode).toBe(200);
}

const busy = async () =>
  (
    await api.database.client.query(
      `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'
         AND application_name IN ('inventory-api-bulk', 'inventory-api-reports')`,
    )
  ).rows[0].count;

test('uploads that trickle take no connection to the database', async () => {
  for (let upload = 0; upload < 6; upload += 1) {
    await begin('POST /api/v1/imports?mode=dry-run', 'sku,name\nS1,a\n');
  }
  await delay(300);
  expect(await busy()).toBe(0);
  await expectService();
});

test('downloads that nobody reads take none either', async () => {
  const rows = Array.from(
    { length: 30_000 },
    (_, n) => `SKU-${n},a thing with a name of ${'its own '.repeat(5)}`,
  );
  await manager('POST', '/imports', `sku,name\n${rows.join('\n')}\n`, CSV);
  for (let download = 0; download < 4; download += 1) (await begin('GET /api/v1/items/export.csv')).pause();
  await expect.poll(() => api.app.spool.stored, { timeout: 20_000 }).toBeGreaterThan(0);
  await expect.poll(busy, { timeout: 20_000 }).toBe(0);
  await expectService();
  for (const socket of sockets) socket.destroy();
  await expect.poll(() => api.app.spool.stored, { timeout: 20_000 }).toBe(0);
});

test('an upload that breaks off leaves nothing', async () => {
  const socket = await begin('POST /api/v1/imports', 'sku,name\nS1,a\n'.repeat(1000));
  await delay(200);
  socket.destroy();
  await expect.poll(() => api.app.spool.stored, { timeout: 20_000 }).toBe(0);
  expect((await manager('GET', '/items')).json().data).toEqual([]);
});

test('an upload that sends nothing any more, or too little, is given up with 408', async () => {
  const silent = new Readable({ read() {} });
  silent.push('sku,name\n');
  const spool = new Spool();
  await expect(receive(silent, spool, { idleMs: 100 })).rejects.toMatchObject({
    status: 408,
    code: 'too_slow',
    headers: { connection: 'close' },
  });
  async function* drops() {
    for (;;) {
      yield Buffer.from('x');
      await delay(20);
    }
  }
  await expect(receive(Readable.from(drops()), spool, { idleMs: 200 })).rejects.toMatchObject({
    status: 408,
  });
  expect(spool.stored).toBe(0);
});

test('files find room, or are refused, and give it back', async () => {
  const spool = new Spool(2000);
  const noise = Array.from({ length: 5000 }, () => Math.random().toString(36)).join('');
  await expect(receive(Readable.from([Buffer.from(noise)]), spool)).rejects.toMatchObject({
    status: 503,
    code: 'no_room',
  });
  expect(spool.stored).toBe(0);
  const file = await receive(Readable.from([Buffer.from('sku,name\n')]), spool);
  expect(Buffer.concat(await file.read().toArray()).toString()).toBe('sku,name\n');
  expect(Buffer.concat(await file.read().toArray()).toString()).toBe('sku,name\n');
  expect(spool.stored).toBeGreaterThan(0);
  await file.close();
  await file.close();
  expect(spool.stored).toBe(0);
});
