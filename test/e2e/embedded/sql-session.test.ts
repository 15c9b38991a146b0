import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatabaseConnection } from '../../../src/engine/embedded/connection.js';
import { runSqlSession } from '../../../src/engine/embedded/sql-session.js';
import { disposeOf, embeddedEngine, embeddedEnvironment } from '../../support/embedded.js';
import { createTinyStack, type TinyStack } from '../../support/tiny-stack.js';

let stack: TinyStack;
let env: NodeJS.ProcessEnv;
let connection: DatabaseConnection;

beforeAll(async () => {
  stack = await createTinyStack();
  env = await embeddedEnvironment(stack);
  const options = { services: ['db'], wait: true, timeoutMs: 60_000 };
  await embeddedEngine(env).up(stack.location(), options, () => {});
  connection = await embeddedEngine(env).connection(stack.location());
});

afterAll(async () => {
  expect(await disposeOf(stack, env)).toEqual([]);
});

function collector(): { stream: PassThrough; text(): string; waitFor(part: string): Promise<void> } {
  const stream = new PassThrough();
  let text = '';
  const watchers = new Set<() => void>();
  stream.on('data', (chunk) => {
    text += chunk;
    for (const watcher of watchers) watcher();
  });
  return {
    stream,
    text: () => text,
    waitFor: (part) =>
      new Promise((resolve) => {
        const look = () => {
          if (!text.includes(part)) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
  };
}

async function session(how: { sql: string } | { script: string }) {
  const output = collector();
  const messages = collector();
  const status = await runSqlSession({
    connection,
    ...('sql' in how ? { sql: how.sql } : {}),
    input: Readable.from('script' in how ? [how.script] : []),
    output: output.stream,
    messages: messages.stream,
    interactive: false,
  });
  return { status, output: output.text(), messages: messages.text() };
}

describe('one command', () => {
  test('prints an aligned table: numbers to the right, NULL empty, several lines in one value', async () => {
    const sql = `SELECT 7 AS n, 'long text' AS word, NULL AS nothing, E'two\\nlines' AS "Two"
                 UNION ALL SELECT 12345, 'é', NULL, 'one'`;
    expect(await session({ sql })).toEqual({
      status: 0,
      messages: '',
      output: `   n   |   word    | nothing |  Two  
-------+-----------+---------+-------
     7 | long text |         | two  +
       |           |         | lines
 12345 | é         |         | one
(2 rows)

`,
    });
  });

  test('prints values as the server writes them', async () => {
    const sql = `SELECT true, '2026-01-02'::date, 1.50::numeric, '{"a": 1}'::jsonb, '{1,2}'::int[], '\\x00ff'::bytea`;
    expect((await session({ sql })).output.split('\n')[2]).toBe(
      ' t        | 2026-01-02 |    1.50 | {"a": 1} | {1,2} | \\x00ff',
    );
  });

  test('of several statements is one transaction, each with its result', async () => {
    const { status, output } = await session({
      sql: 'CREATE TABLE one (n int); INSERT INTO one VALUES (1), (2); UPDATE one SET n = 3; SELECT count(*) FROM one',
    });
    expect(status).toBe(0);
    expect(output).toBe('CREATE\nINSERT 0 2\nUPDATE 2\n count \n-------\n     2\n(1 row)\n\n');
    expect((await session({ sql: 'CREATE TABLE two (n int); SELECT 1/0' })).status).toBe(1);
    expect((await session({ sql: "SELECT to_regclass('two') IS NULL AS gone" })).output).toContain(' t\n');
  });

  test('that fails tells where, in a line of several and behind letters beyond ASCII', async () => {
    const { status, messages } = await session({ sql: "SELECT 1,\n  'äöü🙂', wrong" });
    expect(status).toBe(1);
    expect(messages).toBe(
      `ERROR:  column "wrong" does not exist\nLINE 2:   'äöü🙂', wrong\n${' '.repeat(8 + 10)}^\n`,
    );
  });

  test('shows what the server says on the way', async () => {
    const { messages } = await session({ sql: 'DROP TABLE IF EXISTS never_there' });
    expect(messages).toBe('NOTICE:  table "never_there" does not exist, skipping\n');
  });
});

describe('statements from the input', () => {
  test('run one by one, the last one without a semicolon too', async () => {
    const { status, output } = await session({ script: "SELECT 'a;b'\n  AS x;\n-- done\nSELECT 2 AS y" });
    expect(status).toBe(0);
    expect(output).toBe('  x  \n-----\n a;b\n(1 row)\n\n y \n---\n 2\n(1 row)\n\n');
  });

  test('end at the first that fails, with 3 as in psql', async () => {
    const { status, output, messages } = await session({
      script: 'SELECT 1 AS a;\nSELEC 2;\nSELECT 3 AS c;\n',
    });
    expect(status).toBe(3);
    expect(output).toContain(' a ');
    expect(output).not.toContain(' c ');
    expect(messages).toContain('LINE 1: SELEC 2');
  });

  test.each(['\\dt\n', 'COPY one FROM STDIN;\n', 'COPY one TO STDOUT;\n'])(
    '%j is answered with a hint',
    async (script) => {
      const { status, messages } = await session({ script });
      expect(status).toBe(3);
      expect(messages).toContain('apt-get install postgresql-client');
    },
  );
});

test('a conversation: a prompt that tells what is open, errors that do not end it, Ctrl-C, and \\q', async () => {
  const input = new PassThrough();
  const output = collector();
  const messages = collector();
  const ended = runSqlSession({
    connection,
    input,
    output: output.stream,
    messages: messages.stream,
    interactive: true,
  });
  await output.waitFor('tiny=# ');
  input.write("SELECT 'a\n");
  await output.waitFor("tiny'# ");
  input.write("b' AS x;\n");
  await output.waitFor('(1 row)');
  input.write('SELEC;\n');
  await messages.waitFor('syntax error');
  input.write('\\dt\n');
  await messages.waitFor('apt-get install');
  input.write('SELECT pg_sleep(600);\n');
  const { default: pg } = await import('pg');
  const watch = new pg.Client({
    host: connection.socketFolder,
    port: connection.port,
    user: connection.user,
  });
  await watch.connect();
  const sleeping =
    "SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()";
  await expect.poll(async () => (await watch.query<{ n: number }>(sleeping)).rows[0]?.n).toBe(1);
  await watch.end();
  input.write('\x03');
  await messages.waitFor('canceling statement due to user request');
  input.write('\\q\n');
  expect(await ended).toBe(0);
});
