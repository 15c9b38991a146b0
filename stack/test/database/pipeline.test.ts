import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectionConfig } from '../../src/database/connection.js';
import { Pipeline } from '../../src/database/pipeline.js';
import { loadSettings } from '../../src/settings/load.js';
import { createDatabase, type TestDatabase } from '../api.js';

let database: TestDatabase;
let pipeline: Pipeline;
let lost: Error[];

beforeEach(async () => {
  database = await createDatabase({ migrated: false });
  lost = [];
  pipeline = open(database.env);
});
afterEach(async () => {
  await pipeline.close();
  await database.drop();
});

function open(env: Record<string, string>): Pipeline {
  const { settings } = loadSettings({ env, envFilePath: '/nonexistent/.env' });
  return new Pipeline({ ...connectionConfig(settings), query_timeout: 20_000 }, (error) => lost.push(error));
}

const ask = async (text: string) => (await pipeline.query<{ answer: number }>({ text })).rows[0]?.answer;
const PID = 'SELECT pg_backend_pid() AS answer';

test('callers share one connection, and each gets its own answer', async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => ask(`SELECT ${n} AS answer`)));
  expect(answers).toEqual(Array.from({ length: 50 }, (_, n) => n));
  const pids = await Promise.all(Array.from({ length: 5 }, () => ask(PID)));
  expect(new Set(pids).size).toBe(1);
});

test('a statement that fails leaves those around it alone', async () => {
  const answers = await Promise.allSettled([
    ask('SELECT 1 AS answer'),
    ask('SELECT 1 / 0'),
    ask('SELECT 3 AS answer'),
  ]);
  expect(answers).toMatchObject([
    { value: 1 },
    { status: 'rejected', reason: { code: '22012' } },
    { value: 3 },
  ]);
  expect(lost).toEqual([]);
});

test('a connection that ends fails what is under way, and the next statement has a new one', async () => {
  const pid = await ask(PID);
  const underWay = Promise.allSettled([ask('SELECT pg_sleep(20)'), ask('SELECT 1 AS answer')]);
  await database.client.query('SELECT pg_terminate_backend($1)', [pid]);
  expect((await underWay).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await ask(PID)).not.toBe(pid);
});

test('a connection that cannot be made fails its callers, and is tried again', async () => {
  await database.setReachable(false);
  await expect(ask(PID)).rejects.toThrow('not currently accepting connections');
  await database.setReachable(true);
  expect(await ask(PID)).toEqual(expect.any(Number));
});

test('closing waits for what is under way', async () => {
  await ask(PID);
  const underWay = ask('SELECT 1 AS answer FROM pg_sleep(0.2)');
  await pipeline.close();
  expect(await underWay).toBe(1);
});
