import { appendFileSync, cpSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { invctl, repository } from '../../../support/cli.js';
import { disposeOf, embeddedEngine, embeddedEnvironment, query } from '../../../support/embedded.js';
import { createTinyStack, type TinyStack } from '../../../support/tiny-stack.js';

let stack: TinyStack;
let env: NodeJS.ProcessEnv;
let folder: string;

beforeAll(async () => {
  stack = await createTinyStack();
  env = await embeddedEnvironment(stack);
  folder = join(stack.directory, 'api', 'migrations');
  cpSync(join(repository, 'stack', 'migrations'), folder, { recursive: true });
  expect(await run('up', 'db')).toMatchObject({ code: 0 });
});

afterAll(async () => {
  expect(await disposeOf(stack, env)).toEqual([]);
});

const run = (...args: string[]) =>
  invctl(['--engine', 'embedded', ...args], { cwd: stack.directory, env: env as Record<string, string> });

interface Migrations {
  migrate(client: pg.Client, folder: string): Promise<{ version: number; applied: number }>;
}

/** By a path that no compiler follows: the API's types ask for packages that may not be installed yet. */
const source = join(repository, 'stack/src/database/migrate.ts');

async function asTheApi(): ReturnType<Migrations['migrate']> {
  const { migrate } = (await import(source)) as Migrations;
  const { host, port, user, database, password } = await embeddedEngine(env).connection(stack.location());
  const client = new pg.Client({ host, port, user, database, password: password?.reveal() });
  await client.connect();
  try {
    return await migrate(client, `${folder}/`);
  } finally {
    await client.end();
  }
}

it('db migrate does what the API does at its start, and leaves it nothing to do', async () => {
  const files = readdirSync(folder).sort();
  const pending = JSON.parse((await run('status', '--json')).stdout).data.database.migrations;
  expect(pending).toEqual({ applied: 0, pending: files });
  const migrated = await run('db', 'migrate', '--json');
  expect(migrated).toMatchObject({ code: 0 });
  expect(JSON.parse(migrated.stdout).data).toEqual({ version: files.length, applied: files });
  expect(await asTheApi()).toEqual({ version: files.length, applied: 0 });
  expect(JSON.parse((await run('db', 'migrate', '--json')).stdout).data.applied).toEqual([]);
});

it('a migration that fails leaves the version before it', async () => {
  const version = readdirSync(folder).length;
  const file = join(folder, `${String(version + 1).padStart(4, '0')}_broken.sql`);
  writeFileSync(file, 'CREATE TABLE half (i int);\nINSERT INTO nowhere VALUES (1);\n');
  const failed = await run('db', 'migrate', '--json');
  expect(failed.code).toBe(1);
  expect(JSON.parse(failed.stdout).error).toMatchObject({ code: 'MIGRATION_FAILED', file });
  const state = `SELECT max(version), to_regclass('half') IS NULL FROM schema_migrations`;
  expect(await query(embeddedEngine(env), stack, state)).toEqual([version, true]);
  writeFileSync(file, 'CREATE TABLE half (i int)');
  expect((await run('db', 'migrate')).code).toBe(0);
  expect(await asTheApi()).toEqual({ version: version + 1, applied: 0 });
  appendFileSync(file, '\n');
  expect((await run('db', 'migrate', '--json')).stdout).toContain('MIGRATION_CHANGED');
});
