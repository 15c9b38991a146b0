import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Destinations, parseNetwork } from '../../src/webhooks/addresses.js';
import { Relay, waitSeconds } from '../../src/webhooks/relay.js';
import { Sender } from '../../src/webhooks/sender.js';
import { type Ask, startApi, type TestApi } from '../api.js';
import { isSigned, type Received, type Receiver, startReceiver } from './receiver.js';

const LOOPBACK = { WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8' };

let api: TestApi;
let receiver: Receiver;
const relays: Relay[] = [];

beforeAll(async () => {
  api = await startApi({ ...LOOPBACK, RATE_LIMIT_PER_MINUTE: '100000' });
  for (const sku of ['A', 'B', 'C']) {
    const { id } = (await manager('POST', '/items', { sku, name: sku })).json();
    await manager('POST', '/stock/receive', { lines: [{ item_id: id, quantity: 10_000 }] });
  }
});
afterAll(() => api.close());

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await receiver.close();
  await api.database.client.query('TRUNCATE webhooks, webhook_outbox, webhook_events CASCADE');
});

const admin: Ask = (...request) => api.as('admin')(...request);
const manager: Ask = (...request) => api.as('manager')(...request);

const issue = (itemId = 1, quantity = 1) =>
  manager('POST', '/stock/issue', { lines: [{ item_id: itemId, quantity }] });

interface Made {
  readonly id: number;
  readonly secret: string;
  readonly version: number;
}

async function addWebhook(events: readonly string[] = ['stock.moved'], url = receiver.url): Promise<Made> {
  const added = await admin('POST', '/webhooks', { url, events });
  expect(added.statusCode, added.body).toBe(201);
  return added.json();
}

const webhook = async (id: number) => (await admin('GET', `/webhooks/${id}`)).json();
const deliveries = async (id: number) => (await admin('GET', `/webhooks/${id}/deliveries`)).json().data;

interface RelayTimes {
  readonly answerLimitMs?: number;
  readonly firstWaitSeconds?: number;
}

/** A process that delivers, in a hurry. */
function startRelay({ answerLimitMs, firstWaitSeconds = 0.05 }: RelayTimes = {}): Relay {
  const relay = new Relay({
    webhooks: api.app.repositories.webhooks,
    sender: new Sender(
      new Destinations([parseNetwork('127.0.0.0/8')]),
      answerLimitMs ? { answerLimitMs } : {},
    ),
    log: api.app.log,
    pollMs: 20,
    firstWaitSeconds,
  });
  relays.push(relay);
  relay.start();
  return relay;
}

const groupsOf = (received: readonly Received[]) => received.map(({ body }) => body.data.group);

describe('what is sent', () => {
  test('is an operation as the API answered it, signed as Standard Webhooks has it', async () => {
    const { secret } = await addWebhook();
    startRelay();
    const answer = (await issue(1, 3)).json();
    await expect.poll(() => receiver.received.length).toBe(1);
    const [first] = receiver.received as [Received];
    expect(first.body).toMatchObject({ type: 'stock.moved', data: answer });
    expect(first.headers['content-type']).toBe('application/json');
    expect(isSigned(first, secret)).toBe(true);
    expect(isSigned({ ...first, text: first.text.replace('"issue"', '"Issue"') }, secret)).toBe(false);
    const { secret: another } = await addWebhook();
    expect(isSigned(first, another)).toBe(false);
  });

  test('is what was asked for: items, an archive, categories, an import', async () => {
    await addWebhook(['item.created', 'item.updated', 'item.archived', 'category.created', 'import.applied']);
    startRelay();
    const item = (await manager('POST', '/items', { sku: 'N', name: 'néw', unit_price: '1.10' })).json();
    await manager('PATCH', `/items/${item.id}`, { name: 'newer' }, { 'if-match': '*' });
    const archived = await manager('DELETE', `/items/${item.id}`, undefined, { 'if-match': '*' });
    await manager('POST', '/categories', { name: 'Kitchen' });
    await manager('POST', '/suppliers', { name: 'nobody asked' });
    const csv = 'sku,name,quantity\nI1,one,5\nI2,two,6\n';
    const imported = await manager('POST', '/imports', csv, { 'content-type': 'text/csv' });
    await manager('POST', '/imports?mode=dry-run', csv, { 'content-type': 'text/csv' });
    await manager('POST', '/imports', `${csv}I2,twice,1\n`, { 'content-type': 'text/csv' });
    await expect.poll(() => receiver.received.length).toBe(5);
    await delay(100);
    expect(receiver.received.map(({ body }) => body.type)).toEqual([
      'item.created',
      'item.updated',
      'item.archived',
      'category.created',
      'import.applied',
    ]);
    const data = receiver.received.map(({ body }) => body.data);
    expect(data[0]).toEqual(item);
    expect(data[2]).toEqual(archived.json());
    expect(data[4]).toEqual(imported.json());
  });

  test('is nothing of what was refused, undone, counted right, or done before', async () => {
    await addWebhook();
    startRelay();
    expect((await issue(1, 999_999)).statusCode).toBe(409);
    const { on_hand } = (await manager('GET', '/items/1/stock')).json();
    await manager('POST', '/stock/count', { lines: [{ item_id: 1, counted: on_hand }] });
    const keyed = () =>
      manager(
        'POST',
        '/stock/issue',
        { lines: [{ item_id: 1, quantity: 1 }] },
        { 'idempotency-key': 'once' },
      );
    const { group } = (await keyed()).json();
    await keyed();
    await expect.poll(() => receiver.received.length).toBe(1);
    await delay(100);
    expect(groupsOf(receiver.received)).toEqual([group]);
  });

  test('costs no row where there is no webhook', async () => {
    await issue();
    const { rows } = await api.database.client.query('SELECT FROM webhook_outbox');
    expect(rows).toEqual([]);
  });
});

test('two processes send each event once, and those of an item in its order', async () => {
  await Promise.all([addWebhook(), addWebhook(['stock.moved', 'item.created'])]);
  startRelay();
  startRelay();
  const groups: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => issue(1 + (index % 3))));
    groups.push(...answers.map((answer) => answer.json().group as number));
  }
  await expect.poll(() => receiver.received.length).toBe(320);
  await delay(200);
  expect(receiver.received).toHaveLength(320);
  const times = new Map<unknown, number>();
  for (const group of groupsOf(receiver.received)) times.set(group, (times.get(group) ?? 0) + 1);
  expect([...times.keys()].sort()).toEqual([...groups].sort());
  expect(new Set(times.values())).toEqual(new Set([2]));

  // Both webhooks in one list: what is first of each event, by item.
  const balances = new Map<number, number>();
  const seen = new Set<string>();
  for (const { id, body } of receiver.received) {
    if (seen.has(id)) continue;
    seen.add(id);
    for (const { item_id, balance_after, delta } of body.data.movements ?? []) {
      const before = balances.get(item_id);
      if (before !== undefined) expect(balance_after).toBe(before + delta);
      balances.set(item_id, balance_after);
    }
  }
  expect(balances.size).toBe(3);
});

test('an event that is committed after a younger one is not left out', async () => {
  const { id } = await addWebhook();
  startRelay();
  const { client } = api.database;
  await client.query('BEGIN');
  await client.query(`INSERT INTO webhook_outbox (type, data) VALUES ('stock.moved', '{"group": -1}')`);
  const { group } = (await issue()).json();
  await expect.poll(() => groupsOf(receiver.received)).toEqual([group]);
  await expect.poll(async () => (await webhook(id)).pending).toBe(0);
  await client.query('COMMIT');
  await expect.poll(() => groupsOf(receiver.received)).toEqual([group, -1]);
});

describe('a receiver', () => {
  test('that fails is asked again, and gets everything in order when it is back', async () => {
    const { id } = await addWebhook();
    receiver.answer = 500;
    startRelay();
    const groups: number[] = [];
    for (let times = 0; times < 3; times += 1) groups.push((await issue()).json().group);
    await expect.poll(() => receiver.received.length).toBeGreaterThanOrEqual(4);
    expect(new Set(groupsOf(receiver.received))).toEqual(new Set(groups.slice(0, 1)));
    const state = await webhook(id);
    expect(state).toMatchObject({ pending: 3, last_error: 'the receiver answered 500' });
    expect(state.attempts).toBeGreaterThanOrEqual(3);
    expect(Date.parse(state.next_attempt_at)).toBeGreaterThan(Date.parse(state.failing_since));

    receiver.answer = 204;
    const before = receiver.received.length;
    await expect.poll(() => receiver.received.length).toBe(before + 3);
    expect(groupsOf(receiver.received.slice(before))).toEqual(groups);
    expect(new Set(receiver.received.map((one) => one.id)).size).toBe(3);
    await expect.poll(async () => (await webhook(id)).failing_since).toBeNull();
    const [newest] = await deliveries(id);
    expect(newest).toMatchObject({ outcome: 'delivered', status: 204, attempt: 1, error: null });
  });

  test('that hangs is given up after its time, and keeps nobody waiting', async () => {
    const { id } = await addWebhook();
    receiver.answer = () => {};
    const other = await startReceiver();
    await addWebhook(['stock.moved'], other.url);
    startRelay({ answerLimitMs: 400 });
    for (let times = 0; times < 10; times += 1) expect((await issue()).statusCode).toBe(201);
    await expect.poll(() => other.received.length).toBe(10);
    await expect.poll(async () => (await webhook(id)).last_error).toBe('no answer within 0.4 s');
    expect(api.app.database.connections.waiting).toBe(0);
    await other.close();
  });

  test.each([
    [
      'answers without end',
      (response: { write(text: string): unknown }) => {
        const timer = setInterval(() => response.write('x'.repeat(20_000)), 5);
        setTimeout(() => clearInterval(timer), 1000);
      },
      'delivered',
    ],
    [
      'redirects',
      (response: { writeHead(status: number, headers: object): { end(): void } }) => {
        response.writeHead(307, { location: 'http://127.0.0.1:1/elsewhere' }).end();
      },
      'failed',
    ],
  ] as const)('that %s ends as an attempt', async (_, answer, outcome) => {
    const { id } = await addWebhook();
    receiver.answer = answer as never;
    startRelay();
    await issue();
    await expect.poll(async () => (await deliveries(id))[0]?.outcome).toBe(outcome);
  });

  test('that is not there, or hangs up, is one that failed', async () => {
    const hangUp = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(hangUp, 'listening');
    const { port } = hangUp.address() as { port: number };
    const gone = await addWebhook(['stock.moved'], `http://127.0.0.1:${port}/`);
    const none = await addWebhook(['stock.moved'], 'http://127.0.0.1:1/');
    startRelay();
    await issue();
    await expect.poll(async () => (await webhook(none.id)).last_error).toContain('ECONNREFUSED');
    await expect.poll(async () => (await webhook(gone.id)).last_error).toContain('cannot be reached');
    hangUp.close();
  });

  test('that has not taken an event for a day gets the next one', async () => {
    const { id } = await addWebhook();
    receiver.answer = (response, { body }) => {
      response.writeHead(body.data.kind === 'receive' ? 400 : 200).end();
    };
    startRelay();
    await manager('POST', '/stock/receive', { lines: [{ item_id: 1, quantity: 1 }] });
    const { group } = (await issue()).json();
    await expect.poll(async () => (await webhook(id)).attempts).toBeGreaterThan(1);
    expect(groupsOf(receiver.received)).not.toContain(group);
    await api.database.client.query(`UPDATE webhooks SET failing_since = now() - interval '25 hours'`);
    await expect.poll(() => groupsOf(receiver.received)).toContain(group);
    expect((await deliveries(id)).map(({ outcome }: { outcome: string }) => outcome)).toContain('given_up');
  });
});

test('the waits grow from a second to ten minutes, and are never quite the same', () => {
  const waits = Array.from({ length: 14 }, (_, failures) => waitSeconds(failures + 1));
  for (const [index, wait] of waits.entries()) {
    const least = Math.min(2 ** index, 600);
    expect(wait).toBeGreaterThanOrEqual(least);
    expect(wait).toBeLessThanOrEqual(least * 1.2);
  }
  expect(new Set(Array.from({ length: 5 }, () => waitSeconds(20))).size).toBe(5);
});

describe('an address', () => {
  test.each([
    'http://127.0.0.1:9/',
    'https://127.0.0.1:9/',
    'https://[::1]:9/',
    'https://[::ffff:10.0.0.1]/',
    'https://169.254.169.254/latest/meta-data',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0.0.0.0/',
    'https://100.64.0.1/',
    'https://[fd00::1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://224.0.0.1/',
    'http://8.8.8.8/',
  ])('%s is refused where the settings do not allow it', async (url) => {
    const sender = new Sender(new Destinations([]));
    const { signal } = new AbortController();
    const attempt = await sender.send(url, [], { id: 'x', body: '{}' }, signal);
    expect(attempt).toMatchObject({ delivered: false, status: null });
    expect(attempt.error).toContain('WEBHOOK_ALLOWED_NETWORKS');
  });

  test('is judged by what a name leads to, when it is connected to', async () => {
    const url = receiver.url.replace('127.0.0.1', 'localhost').replace('http:', 'https:');
    const { signal } = new AbortController();
    const send = (allowed: string[], to: string) =>
      new Sender(new Destinations(allowed.map(parseNetwork))).send(to, [], { id: 'x', body: '{}' }, signal);
    expect((await send([], url)).error).toContain('not a public one');
    expect((await send(['10.0.0.0/8'], url)).error).toContain('not a public one');
    const open = await send(['127.0.0.0/8', '::1'], url.replace('https:', 'http:'));
    expect(open).toMatchObject({ delivered: true, status: 204 });
    expect(receiver.received).toHaveLength(1);
  });

  test.each([
    ['ftp://example.com/', 'regex'],
    ['https://', 'url'],
    ['https://user:secret@example.com/', 'url'],
    ['https://10.1.2.3/', 'url'],
    ['http://93.184.216.34/', 'url'],
    ['javascript:alert(1)', 'regex'],
  ])('%s is refused when it is typed', async (url) => {
    const refused = await admin('POST', '/webhooks', { url, events: ['stock.moved'] });
    expect(refused.statusCode).toBe(422);
    expect(refused.json().errors[0].pointer).toBe('/body/url');
    expect(refused.body).not.toContain('secret');
  });
});

describe('an admin', () => {
  test('sees a secret once, and nobody else sees a webhook', async () => {
    const { id, secret } = await addWebhook();
    expect(secret).toMatch(/^whsec_[\w+/]{43}=$/);
    for (const { body } of [
      await admin('GET', '/webhooks'),
      await admin('GET', `/webhooks/${id}`),
      await admin('PATCH', `/webhooks/${id}`, { active: true }, { 'if-match': '*' }),
      await admin('GET', '/audit?entity=webhook'),
    ]) {
      expect(body).not.toContain(secret.slice(6));
    }
    for (const role of ['viewer', 'manager'] as const) {
      const ask = api.as(role);
      expect((await ask('GET', '/webhooks')).statusCode).toBe(403);
      expect(
        (await ask('POST', '/webhooks', { url: receiver.url, events: ['stock.moved'] })).statusCode,
      ).toBe(403);
      for (const action of ['secret', 'test', 'replay']) {
        const body = action === 'replay' ? { from: new Date().toISOString() } : undefined;
        expect((await ask('POST', `/webhooks/${id}/${action}`, body)).statusCode).toBe(403);
      }
    }
  });

  test('replaces a secret without a message that the receiver cannot check', async () => {
    const { id, secret } = await addWebhook();
    const { secret: next } = (await admin('POST', `/webhooks/${id}/secret`)).json();
    startRelay();
    await issue();
    await expect.poll(() => receiver.received.length).toBe(1);
    const [message] = receiver.received as [Received];
    expect([isSigned(message, secret), isSigned(message, next)]).toEqual([true, true]);
    await api.database.client.query(`UPDATE webhooks SET previous_secret_until = now()`);
    await issue();
    await expect.poll(() => receiver.received.length).toBe(2);
    const later = receiver.received[1] as Received;
    expect([isSigned(later, secret), isSigned(later, next)]).toEqual([false, true]);
  });

  test('tries a webhook', async () => {
    const { id, secret } = await addWebhook();
    expect((await admin('POST', `/webhooks/${id}/test`)).json()).toMatchObject({
      delivered: true,
      status: 204,
    });
    expect(isSigned(receiver.received[0] as Received, secret)).toBe(true);
    receiver.answer = 503;
    expect((await admin('POST', `/webhooks/${id}/test`)).json()).toMatchObject({
      delivered: false,
      status: 503,
    });
    expect((await admin('POST', '/webhooks/999/test')).statusCode).toBe(404);
  });

  test('has events of a time sent again, as they were', async () => {
    const { id } = await addWebhook();
    startRelay();
    await issue();
    await expect.poll(() => receiver.received.length).toBe(1);
    const from = new Date().toISOString();
    await issue();
    await issue();
    await expect.poll(() => receiver.received.length).toBe(3);
    const replay = await admin('POST', `/webhooks/${id}/replay`, { from });
    expect(replay.statusCode).toBe(200);
    await expect.poll(() => receiver.received.length).toBe(5);
    const ids = receiver.received.map((message) => message.id);
    expect(ids.slice(3)).toEqual(ids.slice(1, 3));
    expect(receiver.received[4]?.text).toBe(receiver.received[2]?.text);
    // A time to come brings nothing, and leaves out nothing.
    await admin('POST', `/webhooks/${id}/replay`, { from: '2999-01-01T00:00:00Z' });
    await issue();
    await expect.poll(() => receiver.received.length).toBe(6);
  });

  test('stops a webhook, which then goes on where it was, and removes it', async () => {
    const { id, version } = await addWebhook();
    startRelay();
    const change = (body: object, ifMatch = '*') =>
      admin('PATCH', `/webhooks/${id}`, body, { 'if-match': ifMatch });
    expect((await change({ active: false }, `"${version}"`)).statusCode).toBe(200);
    expect((await change({ active: false }, `"${version}"`)).statusCode).toBe(412);
    const { group } = (await issue()).json();
    await delay(100);
    expect(receiver.received).toEqual([]);
    await change({ active: true });
    await expect.poll(() => groupsOf(receiver.received)).toEqual([group]);
    expect((await admin('DELETE', `/webhooks/${id}`, undefined, { 'if-match': '*' })).statusCode).toBe(204);
    await issue();
    await delay(100);
    expect(receiver.received).toHaveLength(1);
  });

  test('has a wrong address mended, and what waits is sent at once', async () => {
    const { id } = await addWebhook(['stock.moved'], 'http://127.0.0.1:1/');
    startRelay({ firstWaitSeconds: 600 });
    const { group } = (await issue()).json();
    await expect.poll(async () => (await webhook(id)).attempts).toBe(1);
    await admin('PATCH', `/webhooks/${id}`, { url: receiver.url }, { 'if-match': '*' });
    await expect.poll(() => groupsOf(receiver.received)).toEqual([group]);
  });
});

test('nothing is sent where the settings have it off, and nothing is lost', async () => {
  const off = await startApi({ ...LOOPBACK, WEBHOOKS: 'off' });
  try {
    const ask = off.as('admin');
    const { id } = (
      await ask('POST', '/webhooks', { url: receiver.url, events: ['category.created'] })
    ).json();
    await off.app.listen({ host: '127.0.0.1', port: 0 });
    await ask('POST', '/categories', { name: 'Kitchen' });
    expect((await ask('POST', `/webhooks/${id}/test`)).json().error).toContain('WEBHOOKS is off');
    await delay(1500);
    expect(receiver.received).toEqual([]);
    const { rows } = await off.database.client.query('SELECT type FROM webhook_outbox');
    expect(rows).toEqual([{ type: 'category.created' }]);
  } finally {
    await off.close();
  }
});

test('what has served its time is removed, delivered or not', async () => {
  await addWebhook(['stock.moved'], 'http://127.0.0.1:1/');
  startRelay();
  await issue();
  await expect
    .poll(async () => (await api.database.client.query('SELECT FROM webhook_deliveries')).rows.length)
    .toBeGreaterThan(0);
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await issue();
  const count = async () => {
    const { rows } = await api.database.client.query(
      `SELECT (SELECT count(*) FROM webhook_events) + (SELECT count(*) FROM webhook_outbox)
         + (SELECT count(*) FROM webhook_deliveries WHERE at < now() - interval '6 days') AS count`,
    );
    return Number(rows[0]?.count);
  };
  const aged = async (days: number) => {
    for (const [table, time] of [
      ['webhook_events', 'occurred_at'],
      ['webhook_outbox', 'occurred_at'],
      ['webhook_deliveries', 'at'],
    ]) {
      await api.database.client.query(
        `UPDATE ${table} SET ${time} = now() - make_interval(hours => $1::int)`,
        [days * 24 + (days > 6 ? 1 : -1)],
      );
    }
  };
  await aged(7);
  expect(await count()).toBeGreaterThanOrEqual(3);
  await api.app.removeStale();
  expect(await count()).toBe(0);
});
