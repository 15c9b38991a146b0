import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, invctl } from '../../../support/cli.js';
import { disposeOf, embeddedEngine, embeddedEnvironment } from '../../../support/embedded.js';
import { createTinyStack, type TinyStack } from '../../../support/tiny-stack.js';

describe('sessions of our own with an embedded server', () => {
  let stack: TinyStack;
  let env: NodeJS.ProcessEnv;
  let file: string;

  const run = (args: readonly string[]): Promise<CliResult> =>
    invctl(['--engine', 'embedded', ...args], { cwd: stack.directory, env: env as Record<string, string> });
  const json = async (...args: string[]) => JSON.parse((await run([...args, '--json'])).stdout);
  /** Runs statements; returns the values of the last one. */
  async function sql(text: string): Promise<unknown[]> {
    const { host, port, user, password } = await embeddedEngine(env).connection(stack.location());
    const client = new pg.Client({ host, port, user, database: 'tiny', password: password?.reveal() });
    await client.connect();
    try {
      await client.query('SET statement_timeout = 0; SET role = none;');
      const answer: unknown = await client.query({ text, rowMode: 'array' });
      const results = (Array.isArray(answer) ? answer : [answer]) as { rows: unknown[][] }[];
      return results.at(-1)?.rows.flat() ?? [];
    } finally {
      await client.end();
    }
  }

  beforeAll(async () => {
    stack = await createTinyStack();
    env = await embeddedEnvironment(stack);
    expect(await run(['up', 'db'])).toMatchObject({ code: 0 });
    await sql(`
      CREATE TABLE items (id serial PRIMARY KEY, sku text NOT NULL UNIQUE); CREATE ROLE reader;
      INSERT INTO items (sku) SELECT 'SKU-' || i FROM generate_series(1, 50000) i;
      CREATE SCHEMA hostile; GRANT USAGE ON SCHEMA hostile TO PUBLIC;
      CREATE FUNCTION hostile.current_database() RETURNS name LANGUAGE sql AS $$ SELECT 'hostile'::name $$;
      ALTER DATABASE tiny SET statement_timeout = '5ms'; ALTER DATABASE tiny SET idle_session_timeout = '150ms';
      ALTER DATABASE tiny SET search_path = hostile, public, pg_catalog; ALTER ROLE tiny SET role = 'reader';
      ALTER ROLE tiny IN DATABASE tiny SET default_transaction_isolation = 'serializable';`);
  });

  afterAll(async () => {
    expect(await disposeOf(stack, env)).toEqual([]);
  });

  it('go by nothing that the project has set for its own', async () => {
    ({ file } = (await json('db', 'backup', '--level', '3')).data);
    await sql('DELETE FROM public.items WHERE id > 10');
    expect((await json('db', 'restore', file, '--yes')).data.rows).toContainEqual({
      table: 'public.items',
      before: 10,
      after: 50_000,
    });
    expect(await run(['db', 'restore', '--undo', '--yes'])).toMatchObject({ code: 0 });
    expect((await json('status')).data.database).toMatchObject({ reachable: true, name: 'tiny' });
    expect((await run(['db', 'psql', '--', '-XAtc', 'SHOW search_path'])).stdout).toBe(
      'hostile, public, pg_catalog\n',
    );
  });

  it('name the database that the compose file names now, and the one that there is; restore makes it', async () => {
    const compose = join(stack.directory, 'compose.yaml');
    const text = readFileSync(compose, 'utf8');
    writeFileSync(compose, text.replace('POSTGRES_DB: tiny', 'POSTGRES_DB: renamed'));
    for (const words of [
      ['db', 'backup'],
      ['db', 'migrate'],
    ]) {
      const { error } = await json(...words);
      if (error.code === 'NO_MIGRATIONS') continue;
      expect(error).toMatchObject({
        code: 'DATABASE_MISSING',
        message: 'the server has no database "renamed": its data was initialised with "tiny"',
        hint: expect.stringContaining('POSTGRES_DB: tiny'),
      });
    }
    expect((await json('status')).data.database).toMatchObject({ reachable: false });
    expect((await json('db', 'restore', file, '--yes')).data).toMatchObject({
      restored: 'renamed',
      previous: null,
    });
    const taken = (await json('db', 'backup')).data.manifest;
    expect(taken.database.name).toBe('renamed');
    expect(taken.tables).toContainEqual(expect.objectContaining({ name: 'public.items', rows: 50_000 }));
    expect((await run(['db', 'psql', '--', '-XAtc', 'SELECT pg_catalog.current_database()'])).stdout).toBe(
      'renamed\n',
    );
    expect(await sql('SELECT count(*)::int FROM public.items')).toEqual([10]);
  });
});
