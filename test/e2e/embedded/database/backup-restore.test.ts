import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, invctl } from '../../../support/cli.js';
import {
  disposeOf,
  embeddedEngine,
  embeddedEnvironment,
  query,
  serverFromNpm,
} from '../../../support/embedded.js';
import { interruptedAt, killedAfterRename, killedAt } from '../../../support/kill-at-step.js';
import { killsOf } from '../../../support/kills.js';
import { leavings } from '../../../support/leaks.js';
import { createTinyStack, type TinyStack } from '../../../support/tiny-stack.js';

describe('the database commands on the embedded engine without client programs', () => {
  let stack: TinyStack;
  let env: NodeJS.ProcessEnv;
  let file: string;

  const run = (args: readonly string[], more = {}): Promise<CliResult> =>
    invctl(['--engine', 'embedded', ...args], {
      cwd: stack.directory,
      env: env as Record<string, string>,
      ...more,
    });
  const sql = (text: string) => query(embeddedEngine(env), stack, text);
  const json = (result: CliResult) => JSON.parse(result.stdout);

  beforeAll(async () => {
    stack = await createTinyStack();
    env = await embeddedEnvironment(stack, { INVCTL_POSTGRES_DIR: serverFromNpm() });
    expect(await run(['up'])).toMatchObject({ code: 0 });
    await sql('CREATE TABLE items (id serial PRIMARY KEY, sku text NOT NULL UNIQUE)');
    await sql(`INSERT INTO items (sku) SELECT 'SKU-' || i FROM generate_series(1, 500) i`);
  });

  afterAll(async () => {
    expect(await disposeOf(stack, env)).toEqual([]);
  });

  it('takes a cold backup, says so, and leaves everything running', async () => {
    const result = await run(['db', 'backup', '--json']);
    expect(result).toMatchObject({ code: 0 });
    const { data, warnings } = json(result);
    file = data.file;
    expect(data.manifest).toMatchObject({
      format: 'physical',
      tables: [{ name: 'public.items', rows: 500 }],
    });
    expect(warnings).toContainEqual(expect.stringContaining('was stopped for'));
    expect(json(await run(['ps', '--json'])).data.services).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'db', state: 'running' }),
        expect.objectContaining({ name: 'api', state: 'running' }),
      ]),
    );
    expect(await run(['db', 'verify', file])).toMatchObject({ code: 0 });
    expect((await run(['db', 'verify', file, '--level', '2', '--json'])).stdout).toContain('PHYSICAL_BACKUP');
  });

  it('restores it, and undoes that', async () => {
    await sql('DELETE FROM items WHERE id > 10');
    const restored = await run(['db', 'restore', file, '--yes', '--json']);
    expect(restored).toMatchObject({ code: 0 });
    expect(json(restored).data.rows).toEqual([{ table: 'public.items', before: 10, after: 500 }]);
    expect(await sql('SELECT count(*)::int FROM items')).toEqual([500]);
    expect(await sql(`INSERT INTO items (sku) VALUES ('next') RETURNING id`)).toEqual([501]);
    expect(await run(['db', 'restore', '--undo', '--yes'])).toMatchObject({ code: 0 });
    expect(await sql('SELECT count(*)::int FROM items')).toEqual([10]);
    expect(await run(['db', 'restore', '--forget', '--confirm', stack.name])).toMatchObject({ code: 0 });
    expect((await run(['db', 'restore', '--undo', '--yes', '--json'])).stdout).toContain('NOTHING_TO_UNDO');
  });

  it('takes a restore back whose rows are not those of the manifest', async () => {
    const manifestFile = `${file}.manifest.json`;
    const manifest = readFileSync(manifestFile, 'utf8');
    writeFileSync(manifestFile, manifest.replace('"rows": 500', '"rows": 499'));
    const refused = await run(['db', 'restore', file, '--yes', '--json']);
    writeFileSync(manifestFile, manifest);
    expect(json(refused).error.code).toBe('RESTORE_INCOMPLETE');
    expect(refused.code).toBe(8);
    expect(await sql('SELECT count(*)::int FROM items')).toEqual([10]);
    expect(existsSync(join(stack.directory, '.invctl', 'journal'))).toBe(false);
  });

  /** What a restore leaves aside or unpacks is gone, and everything runs. */
  async function onlyTheLiveFolder(): Promise<void> {
    expect(
      leavings(join(stack.home, 'state')).filter((path) => /\.(restore|before)_[^/]*$/.test(path)),
    ).toEqual([]);
    expect(existsSync(join(stack.directory, '.invctl', 'journal'))).toBe(false);
    const { services } = json(await run(['ps', '--json'])).data;
    expect(services.map(({ state }: { state: string }) => state)).toEqual(['running', 'running']);
  }

  it.each(killsOf('db restore (physical)'))(
    'killed at the step %s of a restore, %s it is noted',
    async (step, when, noted) => {
      const killed = await run(['db', 'restore', file, '--yes'], {
        env: { ...(env as Record<string, string>), ...killedAt(step, when) },
      });
      expect(killed.code).toBeNull();
      const recovered = json(await run(['recover', '--json'])).data.recovered;
      expect(recovered).toMatchObject(
        noted ? [{ operation: 'db restore (physical)', step: noted, outcome: 'reverted' }] : [],
      );
      expect(await sql('SELECT count(*)::int FROM items')).toEqual([10]);
      await onlyTheLiveFolder();
    },
  );

  it.each(killsOf('db backup'))(
    'killed at the step %s of a backup, %s it is noted',
    async (step, when, noted) => {
      const folder = join(stack.directory, 'backups');
      const before = readdirSync(folder);
      const killed = await run(['db', 'backup'], {
        env: { ...(env as Record<string, string>), ...killedAt(step, when) },
      });
      expect(killed.code).toBeNull();
      const recovered = json(await run(['recover', '--json'])).data.recovered;
      expect(recovered).toMatchObject(
        noted ? [{ operation: 'db backup', step: noted, outcome: 'reverted' }] : [],
      );
      expect(readdirSync(folder)).toEqual(before);
      expect(await sql('SELECT count(*)::int FROM items')).toEqual([10]);
      await onlyTheLiveFolder();
    },
  );

  it.each(['.before_', '.restore_'])(
    'killed in the middle of the swap, after the rename of %s',
    async (part) => {
      const killed = await run(['db', 'restore', file, '--yes'], {
        env: { ...(env as Record<string, string>), ...killedAfterRename(part) },
      });
      expect(killed.code).toBeNull();
      expect(json(await run(['recover', '--json'])).data.recovered).toMatchObject([{ outcome: 'reverted' }]);
      expect(await sql('SELECT count(*)::int FROM items')).toEqual([10]);
      await onlyTheLiveFolder();
    },
  );

  it('puts everything back on Ctrl-C in a restore, so that recover has nothing to do', async () => {
    const stopped = await run(['db', 'restore', file, '--yes'], {
      env: { ...(env as Record<string, string>), ...interruptedAt('swap') },
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain('comes to a clean end');
    expect(json(await run(['recover', '--json'])).data.recovered).toEqual([]);
    expect(await sql('SELECT count(*)::int FROM items')).toEqual([10]);
    await onlyTheLiveFolder();
  });

  it('refuses a cut archive, and nothing is stopped for it', async () => {
    const started = json(await run(['ps', '--json'])).data.services;
    const copy = join(stack.directory, 'cut.tar.gz');
    writeFileSync(copy, readFileSync(file));
    writeFileSync(`${copy}.manifest.json`, readFileSync(`${file}.manifest.json`));
    truncateSync(copy, 1_000_000);
    const refused = await run(['db', 'restore', copy, '--yes', '--json']);
    expect(json(refused).error.code).toBe('BACKUP_UNREADABLE');
    expect(refused.code).toBe(8);
    expect(json(await run(['ps', '--json'])).data.services).toEqual(started);
  });

  it('speaks SQL without psql', async () => {
    const selected = await run(['db', 'psql', '--', '-c', 'SELECT count(*) FROM items']);
    expect(selected.code).toBe(0);
    expect(selected.stdout).toContain('10');
    writeFileSync(
      join(stack.directory, 'two.sql'),
      'CREATE TABLE made (i int);\nINSERT INTO nowhere VALUES (1);\n',
    );
    const failed = await run(['db', 'exec', 'two.sql', '--json']);
    expect(json(failed).error.message).toContain('nothing of the file was applied');
    expect(await sql(`SELECT to_regclass('made') IS NULL`)).toEqual([true]);
    expect(json(await run(['status', '--json'])).data).toMatchObject({
      database: { reachable: true, name: 'tiny' },
      backup: { file },
    });
  });

  it('encrypts a cold backup, and restores it with the identity', async () => {
    const key = await generateX25519Identity();
    const settings = join(stack.directory, 'invctl.yaml');
    writeFileSync(join(stack.directory, 'key.txt'), key);
    writeFileSync(settings, JSON.stringify({ backup: { encryptTo: [await identityToRecipient(key)] } }));
    const taken = json(await run(['db', 'backup', '--json'])).data;
    expect(taken.file).toMatch(/\.tar\.gz\.age$/);
    expect(readFileSync(taken.file).subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    await sql('DELETE FROM items WHERE id > 5');
    const refused = await run(['db', 'restore', taken.file, '--yes', '--json']);
    expect(json(refused).error.code).toBe('IDENTITY_NEEDED');
    env.INVCTL_BACKUP_IDENTITY = 'key.txt';
    expect(await run(['db', 'verify', taken.file])).toMatchObject({ code: 0 });
    expect(await run(['db', 'restore', taken.file, '--yes'])).toMatchObject({ code: 0 });
    expect(await sql('SELECT count(*)::int FROM items')).toEqual([10]);
    rmSync(settings);
  });

  it('takes a backup before its data goes', async () => {
    const before = readdirSync(join(stack.directory, 'backups')).length;
    expect(await run(['down', '--volumes', '--confirm', stack.name])).toMatchObject({ code: 0 });
    expect(readdirSync(join(stack.directory, 'backups'))).toHaveLength(before + 2);
  });
});
