import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ApiClient } from '../../src/replay/api-client.js';
import type { Refusal } from '../../src/replay/order-lines.js';
import { replay, type Tally } from '../../src/replay/replay.js';
import { PASSWORD, startApi, type TestApi } from '../api.js';

const EXCERPT = fileURLToPath(new URL('../data/online-retail-excerpt.csv', import.meta.url));
const INVENTORY = fileURLToPath(new URL('../../data/new_inventory.csv', import.meta.url));

let api: TestApi;
let url: string;
let folder: string;
let refused: [number, Refusal][];

beforeEach(async () => {
  api = await startApi();
  url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  folder = mkdtempSync(join(tmpdir(), 'replay-'));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await api.close();
});

function run(file = EXCERPT, password = PASSWORD, base = url): Promise<Tally> {
  refused = [];
  return replay({
    client: new ApiClient(base, { username: 'manager', password }),
    file,
    inventoryFile: INVENTORY,
    onRefusal: (row, refusal) => refused.push([row, refusal]),
    onProgress: () => {},
  });
}

async function ledger(): Promise<{ kind: string; total: number; movements: number }[]> {
  const { rows } = await api.database.client.query(
    `SELECT kind, sum(delta)::int AS total, count(*)::int AS movements FROM movements
     WHERE kind <> 'import' GROUP BY kind ORDER BY kind`,
  );
  return rows;
}

test('order lines become movements, and what is none is refused by row, column and reason', async () => {
  const tally = await run();
  expect(tally).toEqual({ rows: 86, issued: 62, returned: 10, repeated: 0, refused: 14 });
  expect(
    refused.sort(([a], [b]) => a - b).map(([, { column, reason, value }]) => [column, reason, value]),
  ).toEqual([
    ['StockCode', 'is no item', 'POST'],
    ['StockCode', 'is no item', 'D'],
    ['StockCode', 'is no item', 'POST'],
    ['StockCode', 'is no item', 'POST'],
    ['StockCode', 'is no item', '21134'],
    ['StockCode', 'is no item', '85226A'],
    ['StockCode', 'is no item', '85044'],
    ['StockCode', 'is no item', 'M'],
    ['StockCode', 'is no item', 'BANK CHARGES'],
    ['StockCode', 'is no item, though 84970S is', '84970s'],
    ['StockCode', 'is no item, though 85123A is', '85123a'],
    ['StockCode', 'is no item', 'D'],
    ['StockCode', 'is no item', 'AMAZONFEE'],
    ['StockCode', 'is no item, though 85123A is', '85123a'],
  ]);
  const { rows } = await api.database.client.query(
    `SELECT reference, reason, delta::int FROM movements JOIN items ON items.id = item_id
     WHERE sku = '22960' AND reference = 'C536506'`,
  );
  expect(rows).toEqual([{ reference: 'C536506', reason: 'return', delta: 6 }]);
  expect((await api.as('manager')('GET', '/stock/verify')).json()).toMatchObject({ clean: true });
});

test('a second run changes nothing', async () => {
  const first = await run();
  const before = await ledger();
  expect(await run()).toEqual({
    rows: 86,
    issued: 0,
    returned: 0,
    repeated: first.rows - first.refused,
    refused: 14,
  });
  expect(await ledger()).toEqual(before);
});

test('cells that are no order, and more than there is, are refused', async () => {
  const file = join(folder, 'orders.csv');
  writeFileSync(
    file,
    'InvoiceNo,StockCode,Quantity\n1,10002,0\n2,10002,1.5\n3,,1\n,10002,1\n4,10002,313\n5,10002,312\n6,10002\n',
  );
  expect(await run(file)).toMatchObject({ rows: 7, issued: 1, refused: 6 });
  expect(refused.sort(([a], [b]) => a - b)).toEqual([
    [2, { column: 'Quantity', reason: 'is no whole number other than zero', value: '0' }],
    [3, { column: 'Quantity', reason: 'is no whole number other than zero', value: '1.5' }],
    [4, { column: 'StockCode', reason: 'is missing', value: '' }],
    [5, { column: 'InvoiceNo', reason: 'is missing', value: '' }],
    [6, { column: 'Quantity', reason: expect.stringContaining('312 on hand, 313 asked for.'), value: '313' }],
    [8, { column: 'Quantity', reason: 'is missing', value: '' }],
  ]);
});

test('a run that cannot go on says why', async () => {
  const file = join(folder, 'other.csv');
  writeFileSync(file, 'sku,quantity\nA,1\n');
  await expect(run(file)).rejects.toThrow('the file has no column InvoiceNo, StockCode, Quantity');
  await expect(run(join(folder, 'none.csv'))).rejects.toThrow('ENOENT');
  await expect(run(EXCERPT, 'a wrong password')).rejects.toThrow('POST /auth/login was answered with 401');
});

test('is told to come back later, does so, and applies each line once', async () => {
  // In front of the API: loses some answers after they were given, and turns every fifth request away.
  let count = 0;
  const flaky = createServer(async (request, response) => {
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk);
    const isOrder = request.url?.includes('/stock/') ?? false;
    if (isOrder) count += 1;
    // Its own, whatever comes while it waits for its answer.
    const number = count;
    if (isOrder && number % 5 === 0) {
      response.writeHead(429, { 'retry-after': '0' }).end('{}');
      return;
    }
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
    const answer = await fetch(`${url}${request.url}`, {
      method: request.method ?? 'GET',
      headers: headers as Record<string, string>,
      ...(request.method === 'POST' ? { body: Buffer.concat(body) } : {}),
    });
    const text = await answer.text();
    if (isOrder && number % 20 === 3) request.socket.destroy();
    else {
      const replayed = answer.headers.get('idempotency-replayed');
      response.writeHead(answer.status, replayed ? { 'idempotency-replayed': replayed } : {}).end(text);
    }
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => flaky.once('listening', resolve));
  try {
    const { port } = flaky.address() as AddressInfo;
    expect(await run(EXCERPT, PASSWORD, `http://127.0.0.1:${port}`)).toMatchObject({
      rows: 86,
      refused: 14,
      repeated: expect.toSatisfy((lines: number) => lines > 0),
    });
    expect((await ledger()).reduce((sum, { movements }) => sum + movements, 0)).toBe(72);
  } finally {
    flaky.closeAllConnections();
    await new Promise((resolve) => flaky.close(resolve));
  }
});
