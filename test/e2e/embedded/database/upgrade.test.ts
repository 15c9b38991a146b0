import { existsSync, readdirSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { killedAt } from '../../../support/kill-at-step.js';
import { type Kill, killsOf } from '../../../support/kills.js';
import { schemaErrors } from '../../../support/schema.js';
import { clientPrograms, startUpgradeStack, type UpgradeStack } from './upgrade-stack.js';

const UPGRADE = ['--to', '16', '--yes'];

describe.skipIf(!clientPrograms)('db upgrade on the embedded engine', () => {
  let stack: UpgradeStack;
  let compose: string;

  beforeAll(async () => {
    stack = await startUpgradeStack();
    compose = readFileSync(stack.composeFile, 'utf8');
  });

  afterAll(async () => {
    expect(await stack?.remove()).toEqual([]);
  });

  beforeEach(() => stack.noteState());

  const volumes = async () =>
    (await stack.succeed(['volume', 'ls'])).volumes.map(
      ({ name, services }: { name: string; services: string[] }) => [name, services],
    );
  const major = () => stack.sql(`SELECT current_setting('server_version_num')::int / 10000`);
  const warnings = async (args: readonly string[]) =>
    JSON.parse((await stack.invctl([...args, '--json'])).stdout).warnings;

  it('rehearses while the app goes on, and leaves nothing behind', async () => {
    const before = stack.apps();
    expect(before).toHaveLength(1);
    const built = () => statSync(join(stack.directory, 'api/dist/server.cjs')).mtimeMs;
    const builtBefore = built();
    const result = await stack.invctl(['db', 'upgrade', '--to', '16', '--rehearse', '--json']);
    expect(result).toMatchObject({ code: 0 });
    const document = JSON.parse(result.stdout);
    expect(schemaErrors('db-upgrade', document)).toEqual([]);
    expect(document.data).toMatchObject({ rehearsed: true, from: 15, to: 16, smokeTested: 'api' });
    expect(document.data.tables).toContainEqual({ name: 'public.movements', rows: 3000 });
    expect(document.data.diff).toContain('+    image: postgres:16');
    expect(document.warnings.join('\n')).not.toContain('without a connection');
    expect(result.stdout + result.stderr).not.toContain('seeded-marker');
    expect(stack.apps()).toEqual(before);
    expect(built()).toBe(builtBefore);
    expect(existsSync(join(stack.directory, 'backups'))).toBe(false);
    stack.nothingHasChanged();
  });

  it('asks first', async () => {
    await stack.fails(['--to', '16'], 'CONFIRMATION_NEEDED', 7);
  });

  describe('refuses, before anything is done:', () => {
    it('the major that there is', () => stack.fails(['--to', '15', '--yes'], 'SAME_MAJOR', 1));

    it('a major that is not on this machine', async () => {
      const { message, hint } = await stack.fails(['--to', '99', '--yes'], 'EMBEDDED_POSTGRES_MISSING', 3);
      expect(message).toContain('there is no PostgreSQL 99, only 15.');
      expect(hint).toContain('install PostgreSQL 99');
    });

    it('one PostgreSQL alone, as INVCTL_POSTGRES_DIR allows', async () => {
      const env = { INVCTL_POSTGRES_DIR: clientPrograms as string };
      const { hint } = await stack.fails(UPGRADE, 'EMBEDDED_POSTGRES_MISSING', 3, env);
      expect(hint).toContain('unset INVCTL_POSTGRES_DIR');
    });

    it('a volume that is there already', async () => {
      const folder = join(stack.state, 'projects', stack.name, 'volumes', 'pgdata_16');
      writeFileSync(folder, '');
      try {
        const result = await stack.invctl(['db', 'upgrade', ...UPGRADE, '--json']);
        expect(JSON.parse(result.stdout).error).toMatchObject({ code: 'VOLUME_EXISTS' });
        expect(existsSync(folder)).toBe(true);
      } finally {
        rmSync(folder);
      }
      stack.nothingHasChanged();
    });

    it('a volume that another service has too', async () => {
      writeFileSync(
        stack.composeFile,
        compose.replace('    build: ./api', '    build: ./api\n    volumes: ["pgdata:/data:ro"]'),
      );
      try {
        stack.noteState();
        await stack.fails(UPGRADE, 'COMPOSE_NOT_EDITABLE', 1);
      } finally {
        writeFileSync(stack.composeFile, compose);
      }
    });

    it('a disk without room', async ({ skip }) => {
      if (!stack.smallDisk) return skip('no file system can be mounted here');
      const ballast = join(stack.state, 'ballast');
      const { bavail, bsize } = statfsSync(stack.state);
      writeFileSync(ballast, Buffer.alloc(Number(bavail) * Number(bsize) - 8 * 1024 * 1024));
      try {
        stack.noteState();
        await stack.fails(UPGRADE, 'DATABASE_DISK_FULL', 1);
      } finally {
        rmSync(ballast);
      }
    });
  });

  it('upgrades: the same content, roles, grants and settings; the old folder stays until it is final', async () => {
    const before = [stack.fingerprint(), stack.properties()];
    const edited = compose
      .replace('image: postgres:15\n', 'image: postgres:16\n')
      .replace('["pgdata:', '["pgdata_16:')
      .replace('\n  pgdata:', '\n  pgdata_16:');
    const data = await stack.succeed(['db', 'upgrade', ...UPGRADE]);
    expect(data).toMatchObject({
      rehearsed: false,
      from: 15,
      to: 16,
      image: { before: 'postgres:15', after: 'postgres:16' },
      volume: { before: `${stack.name}_pgdata`, after: `${stack.name}_pgdata_16` },
      smokeTested: 'api',
    });
    expect([stack.fingerprint(), stack.properties(), major()]).toEqual([...before, '16']);
    expect(readFileSync(stack.composeFile, 'utf8')).toBe(edited);
    expect(await volumes()).toEqual([
      [`${stack.name}_pgdata`, []],
      [`${stack.name}_pgdata_16`, ['db']],
    ]);
    const [backup] = (await stack.succeed(['db', 'list'])).backups;
    expect(backup).toMatchObject({ file: data.backup, level: 3, manifest: { server: { major: 15 } } });
    // Quiet about the major afterwards; one without client programs is told as before.
    expect((await warnings(['up'])).join('\n')).not.toContain('names PostgreSQL');
    expect((await stack.succeed(['up'])).unchanged).toEqual(['db', 'api']);

    // Back to the old one, by hand, and on to the new one again: each has its own data.
    writeFileSync(stack.composeFile, compose);
    await stack.succeed(['up']);
    expect([stack.fingerprint(), stack.properties(), major()]).toEqual([...before, '15']);
    const inUse = await stack.invctl(['db', 'upgrade', '--finalize', '--confirm', stack.name, '--json']);
    expect(JSON.parse(inUse.stdout).error).toMatchObject({ code: 'VOLUME_IN_USE' });
    writeFileSync(stack.composeFile, edited);
    await stack.succeed(['up']);
    expect(major()).toBe('16');

    const asked = await stack.invctl(['db', 'upgrade', '--finalize', '--yes', '--json']);
    expect(asked.code).toBe(7);
    expect(await volumes()).toHaveLength(2);
    const final = await stack.succeed(['db', 'upgrade', '--finalize', '--confirm', stack.name]);
    expect(final.removed).toEqual([`${stack.name}_pgdata`]);
    expect(existsSync(`${final.backup}.manifest.json`)).toBe(true);
    expect(await volumes()).toEqual([[`${stack.name}_pgdata_16`, ['db']]]);
    expect(readdirSync(join(stack.state, 'projects', stack.name, 'volumes'))).toEqual(['pgdata_16']);
    expect([stack.fingerprint(), stack.properties()]).toEqual(before);
  });
});

describe.skipIf(!clientPrograms)('db upgrade to the major that the image names already', () => {
  let stack: UpgradeStack;

  beforeAll(async () => {
    // The backup is made by the client programs that the later server takes as well.
    stack = await startUpgradeStack({ bare: true });
    writeFileSync(
      stack.composeFile,
      readFileSync(stack.composeFile, 'utf8').replace('image: postgres:15', 'image: postgres:16'),
    );
  });

  afterAll(async () => {
    expect(await stack?.remove()).toEqual([]);
  });

  const [, kill] = killsOf('db upgrade', { only: 'up' });

  it('edits the volume alone; killed with the new file in place, it goes on to its end', async () => {
    const [step, when] = kill as Kill;
    const compose = readFileSync(stack.composeFile, 'utf8');
    const before = [stack.fingerprint(), stack.properties()];
    const killed = await stack.invctl(['db', 'upgrade', ...UPGRADE], { env: killedAt(step, when) });
    expect(killed.code).toBeNull();
    expect((await stack.invctl(['up'])).stderr).toContain('invctl recover');
    const { recovered } = await stack.succeed(['recover']);
    expect(recovered).toMatchObject([{ step: 'up', outcome: 'finished' }]);
    expect([stack.fingerprint(), stack.properties()]).toEqual(before);
    expect(stack.sql(`SELECT current_setting('server_version_num')::int / 10000`)).toBe('16');
    const [backup] = (await stack.succeed(['db', 'list'])).backups;
    expect(backup).toMatchObject({ level: 3, manifest: { format: 'custom', server: { major: 15 } } });
    expect(readFileSync(stack.composeFile, 'utf8')).toBe(
      compose.replace('["pgdata:', '["pgdata_16:').replace('\n  pgdata:', '\n  pgdata_16:'),
    );
  });
});
