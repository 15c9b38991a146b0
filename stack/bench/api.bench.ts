import { Readable } from 'node:stream';
import type pg from 'pg';
import { expect, test } from 'vitest';
import type { Database, Statement } from '../src/database/database.js';
import { POST_LINE } from '../src/ledger/statements.js';
import { ApiClient } from '../src/replay/api-client.js';
import { Items } from '../src/repositories/items.js';
import { createDatabase } from '../test/api.js';
import { startProcess } from '../test/process/api-process.js';
import { measureLoad, peakMemory } from './load.js';
import { findPgbench, measurePgbench } from './pgbench.js';

const ROWS = Number(process.env.BENCH_ROWS ?? 100_000);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5);
const CONNECTIONS = 16;
/** The API's default. */
const POOL = 10;
const ADMIN = { username: 'admin', password: 'correct horse battery staple' };
const PAGE = 50;

/** The SQL of the API's own statements, as it is sent. */
async function sqlOf(client: pg.Client, run: (items: Items) => Promise<unknown>): Promise<string> {
  let text = '';
  const note = async (statement: Statement) => {
    text = statement.text;
    return [{ json: '', records: null }];
  };
  const describe = async (statement: Statement) =>
    (await client.query(statement.text)).fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }));
  const database = { read: note, readPage: note, describe };
  await run(new Items(database as unknown as Database));
  return text;
}

/** The file in pieces of the size in which a client reads one. */
function* inventory(): Generator<string> {
  let piece = 'sku,name,unit,unit_price,quantity,reorder_point\n';
  for (let row = 0; row < ROWS; row += 1) {
    const words = `THING ${row % 997} OF COLOUR ${row % 13}`;
    piece += `SKU-${String(row).padStart(7, '0')},${words},each,${row % 90}.50,1000000,5\n`;
    if (piece.length < 64 * 1024) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

test('how fast it is', async () => {
  const database = await createDatabase();
  const api = startProcess({
    ...database.env,
    ADMIN_PASSWORD: ADMIN.password,
    RATE_LIMIT_PER_MINUTE: '100000000',
    LOG_LEVEL: 'info',
  });
  try {
    const url = await api.url;
    // The log goes on, a line a request, but to parse it here would cost the load its share of the machine.
    api.child.stdout?.removeAllListeners('data').resume();
    const pid = api.child.pid as number;
    const { access_token: token } = (await (
      await fetch(`${url}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(ADMIN),
      })
    ).json()) as { access_token: string };
    const report: string[] = [];

    const file = [...inventory()];
    const importStarted = performance.now();
    const taken = await fetch(`${url}/api/v1/imports`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv', authorization: `Bearer ${token}` },
      body: Readable.toWeb(Readable.from(file)),
      duplex: 'half',
    } as unknown as RequestInit);
    expect(taken.status, await taken.clone().text()).toBe(201);
    const importSeconds = (performance.now() - importStarted) / 1000;
    report.push(
      `import: ${ROWS} rows in ${importSeconds.toFixed(1)} s, ${Math.round(ROWS / importSeconds)} rows/s, ` +
        `peak ${Math.round(peakMemory(pid))} MiB`,
    );
    await database.client.query('VACUUM ANALYZE');

    const anyId = () => 1 + Math.floor(Math.random() * ROWS);
    const head = (method: string, path: string) =>
      `${method} /api/v1${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${token}\r\n`;
    const issue = () => {
      const body = `{"lines":[{"item_id":${anyId()},"quantity":1}]}`;
      return `${head('POST', '/stock/issue')}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    };
    // What the API sends as parameters is literal here, but for the item.
    const values = ["'issue'", 'NULL', 'NULL', '1', 'NULL', ':id', '1', '-1'];
    const operations = [
      {
        name: 'point read',
        target: 20,
        next: () => `${head('GET', `/items/${anyId()}`)}\r\n`,
        sql: (await sqlOf(database.client, (items) => items.find(1))).replaceAll('$1', ':id'),
      },
      {
        name: `list of ${PAGE}`,
        target: 20,
        next: () => `${head('GET', '/items')}\r\n`,
        sql: await sqlOf(database.client, (items) =>
          items.search({ sort: 'sku', limit: PAGE, after: undefined, archived: false }),
        ),
      },
      {
        name: 'one-line issue',
        target: 50,
        next: issue,
        sql: POST_LINE.whole.plain.text.replaceAll(/\$(\d)/g, (_, digit) => values[Number(digit) - 1] ?? ''),
      },
    ];
    const pgbench = findPgbench();
    if (!pgbench) report.push('pgbench is not here (Debian: postgresql-contrib): nothing to compare with');
    for (const { name, target, next, sql } of operations) {
      await measureLoad(url, pid, { connections: CONNECTIONS, seconds: 1, next });
      const load = await measureLoad(url, pid, { connections: CONNECTIONS, seconds: SECONDS, next });
      let line = `${name}: ${Math.round(load.perSecond)}/s, ${Math.round(load.cpuMicrosPerRequest)} µs CPU a request`;
      if (pgbench) {
        const script = `\\set id random(1, ${ROWS})\n${sql.replaceAll(/\s+/g, ' ')};\n`;
        const rate = await measurePgbench(pgbench, database.env, script, {
          connections: POOL,
          seconds: SECONDS,
        });
        const percent = Math.round((load.perSecond / rate) * 100);
        line += `; pgbench ${Math.round(rate)}/s: ${percent} % (target ${target} %)`;
      }
      report.push(line);
    }

    const client = new ApiClient(url, ADMIN);
    const pageAfter = async (cursor: string) =>
      (await client.expect({ method: 'GET', path: `/items?cursor=${cursor}` })) as { next_cursor: string };
    let { next_cursor: cursor } = (await client.expect({ method: 'GET', path: '/items' })) as {
      next_cursor: string;
    };
    const pages = Math.min(1000, Math.floor(ROWS / PAGE) - 1);
    for (let page = 2; page < pages; page += 1) cursor = (await pageAfter(cursor)).next_cursor;
    const rate = async (path: string) =>
      (
        await measureLoad(url, pid, {
          connections: 1,
          seconds: SECONDS,
          next: () => `${head('GET', path)}\r\n`,
        })
      ).perSecond;
    // The better of two runs of each, in turn: other work on the machine would count as a difference.
    let [first, last] = [0, 0];
    for (let run = 0; run < 2; run += 1) {
      first = Math.max(first, await rate('/items'));
      last = Math.max(last, await rate(`/items?cursor=${cursor}`));
    }
    report.push(`page ${pages} costs ${(first / last).toFixed(2)} × page 1 (target 1.5 ×)`);
    console.log(report.join('\n'));
  } finally {
    api.child.kill('SIGKILL');
    await api.exited;
    await database.drop();
  }
});
