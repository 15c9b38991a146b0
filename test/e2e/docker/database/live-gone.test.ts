import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize, faultSteps } from '../../../support/fault-counts.js';
import { type DatabaseProject, killAtStep, seedShop, startDatabaseProject } from './fixture.js';

/** It ends where the database does, and Docker starts it again and again. */
const APP = `  app:
    image: postgres:17
    depends_on: {db: {condition: service_healthy}}
    restart: always
    init: true
    tmpfs: [/var/lib/postgresql/data]
    entrypoint: ["sh", "-c", "rm -f /tmp/up; while psql -qc 'SELECT 1' >/dev/null; do touch /tmp/up; sleep 1; done"]
    environment: {PGHOST: db, PGDATABASE: shop, PGUSER: owner, PGPASSWORD: seeded-marker-password}
    healthcheck: {test: ["CMD", "test", "-f", "/tmp/up"], interval: 1s, retries: 30, start_period: 30s, start_interval: 200ms}`;

describe.skipIf(withoutDocker)('db restore without a live database', () => {
  let project: DatabaseProject;
  let file: string;
  let seeded: string;
  let properties: string;

  beforeAll(async () => {
    project = startDatabaseProject('gone', {
      postgres: '17',
      services: APP,
      files: { 'invctl.yaml': 'services: {database: db, app: app}\n' },
    });
    project.sql(
      `CREATE ROLE keeper; DROP DATABASE shop WITH (FORCE);
       CREATE DATABASE shop OWNER keeper TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';`,
      'postgres',
    );
    seedShop({ sql: (statements) => project.sql(String(statements).replace(`E'\\n\\\\.'`, `'.'`)) }, 500);
    seeded = project.fingerprint();
    properties = describeLive();
    ({ file } = await project.succeed(['db', 'backup', '--level', '3']));
  });

  afterAll(() => project?.remove());

  function describeLive(name = 'shop'): string {
    return project.sql(
      `SELECT datdba::regrole, pg_encoding_to_char(encoding), datcollate, datallowconn FROM pg_database WHERE datname = '${name}'`,
      'template1',
    );
  }
  const drop = (name = 'shop') => project.sql(`DROP DATABASE ${name} WITH (FORCE);`, 'template1');
  const restore = async (...words: string[]) => {
    const result = await project.invctl(['db', 'restore', ...words, '--yes', '--json']);
    return JSON.parse(result.stdout);
  };
  /** Runs the first command of a hint in a shell's words. */
  const type = (hint: string) => {
    const command = /invctl (.*?)(?: {6}|$)/.exec(hint)?.[1] as string;
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' });
    return project.invctl(words.trim().split('\n'));
  };
  function restored(): void {
    expect(project.fingerprint()).toBe(seeded);
    expect(describeLive()).toBe(properties);
    expect(project.databases()).toEqual(['shop']);
    expect(project.invctlSessions()).toBe('');
  }

  it('makes it: owner, encoding and locale; there is nothing to undo, and the app is healthy again', async () => {
    drop();
    const said = await project.invctl(['db', 'backup', '--json']);
    expect(JSON.parse(said.stdout).error).toMatchObject({
      code: 'DATABASE_MISSING',
      hint: expect.stringContaining('invctl db restore'),
    });
    const done = await project.invctl(['db', 'restore', file, '--yes', '--json']);
    expect(done.stderr).toContain(
      'the server has no database shop: the restore makes it (owner keeper, LATIN1',
    );
    const { data } = JSON.parse(done.stdout);
    expect(data).toMatchObject({ restored: 'shop', previous: null, restarted: ['app'] });
    expect(data.rows).toContainEqual({ table: 'public.items', before: null, after: 500 });
    restored();
    const { data: ps } = JSON.parse((await project.invctl(['ps', '--json'])).stdout);
    expect(ps.services).toContainEqual(expect.objectContaining({ name: 'app', health: 'healthy' }));
    expect((await restore('--undo')).error).toMatchObject({ code: 'NOTHING_TO_UNDO' });
    restored();
  });

  it.runIf(atFullSize)('says so in words, too', async () => {
    drop();
    const { code, stdout } = await project.invctl(['db', 'restore', file, '--yes', '--no-restart']);
    expect(code).toBe(0);
    expect(stdout).toContain('there was no database before, so there is nothing to undo');
    expect(stdout).not.toContain('--undo');
  });

  it('gives back one that was left aside', async () => {
    const { data } = await restore(file, '--no-restart');
    drop();
    const undone = await restore('--undo', '--no-restart');
    expect(undone.data).toMatchObject({ from: data.previous, restored: 'shop', previous: null });
    restored();
  });

  it('verifies, and restores a file without a manifest, in what the server makes by itself', async () => {
    const plain = join(project.directory, 'by-hand.sql.gz');
    const sql = execFileSync(
      'docker',
      ['compose', 'exec', '-T', 'db', 'pg_dump', '-U', 'owner', '-d', 'shop', '--no-owner'],
      { cwd: project.directory },
    );
    writeFileSync(plain, gzipSync(sql));
    drop();
    expect(await project.succeed(['db', 'verify', plain, '--level', '2'])).toMatchObject({ level: 2 });
    expect((await restore(plain, '--no-restart')).data).toMatchObject({ previous: null });
    expect(project.sql('SELECT count(*) FROM items')).toBe('500');
    expect(describeLive()).toBe(describeLive('template1'));
    drop();
    await restore(file, '--no-restart');
    restored();
  });

  it('drops what a DROP DATABASE left that was cut off, and says so', async () => {
    project.sql(`UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'shop';`, 'postgres');
    const done = await project.invctl(['db', 'restore', file, '--yes', '--json', '--no-restart']);
    expect(done.stderr).toContain('a DROP DATABASE of shop was cut off');
    expect(JSON.parse(done.stdout).data).toMatchObject({ previous: null });
    restored();
  });

  it.runIf(atFullSize)('works from template1 where the database postgres is gone too', async () => {
    drop();
    drop('postgres');
    try {
      expect((await restore(file, '--no-restart')).data).toMatchObject({ previous: null });
      const { data } = await restore(file, '--no-restart');
      await project.succeed(['db', 'verify', file, '--level', '2']);
      await restore('--undo', '--no-restart');
      await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
      expect(data.previous).toMatch(/^shop_before_/);
    } finally {
      project.sql('CREATE DATABASE postgres;', 'template1');
    }
    restored();
  });

  it.runIf(atFullSize)('makes the database postgres, where that is the project’s', async () => {
    const compose = join(project.directory, 'compose.yaml');
    const text = readFileSync(compose, 'utf8');
    writeFileSync(compose, text.replace('POSTGRES_DB: "shop"', 'POSTGRES_DB: postgres'));
    try {
      drop('postgres');
      expect((await restore(file, '--no-restart')).data).toMatchObject({
        restored: 'postgres',
        previous: null,
      });
      expect(project.fingerprint('postgres')).toBe(seeded);
      const again = await restore(file, '--no-restart');
      expect(again.data.previous).toMatch(/^postgres_before_/);
      await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
    } finally {
      writeFileSync(compose, text);
      project.sql('DROP DATABASE postgres; CREATE DATABASE postgres;', 'template1');
    }
  });

  it('refuses one that takes no connections, with the command that opens it, and one with no room for any is no such', async () => {
    project.sql('ALTER DATABASE shop ALLOW_CONNECTIONS false;', 'postgres');
    const { error } = await restore(file, '--no-restart');
    expect(error).toMatchObject({ code: 'DATABASE_CLOSED' });
    expect((await type(error.hint)).code).toBe(0);
    project.sql('ALTER DATABASE shop CONNECTION LIMIT 0;', 'postgres');
    expect((await restore(file, '--no-restart')).data.previous).toMatch(/^shop_before_/);
    await restore('--undo', '--no-restart');
    await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
    project.sql('ALTER DATABASE shop CONNECTION LIMIT -1;', 'postgres');
  });

  it.runIf(atFullSize)('restores over an empty one, which is kept', async () => {
    drop();
    project.sql('CREATE DATABASE shop;', 'postgres');
    const { data } = await restore(file, '--no-restart');
    expect(data.rows).toContainEqual({ table: 'public.items', before: null, after: 500 });
    await restore('--undo', '--no-restart');
    expect(project.sql(`SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`)).toBe('0');
    await restore('--undo', '--no-restart');
    await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
    restored();
  });

  it('refuses a role that is gone, before the load', async () => {
    drop();
    project.sql('DROP ROLE keeper;', 'postgres');
    const { error } = await restore(file, '--no-restart');
    expect(error).toMatchObject({ code: 'ROLES_MISSING', message: expect.stringContaining('keeper') });
    expect(project.databases()).toEqual([]);
    project.sql('CREATE ROLE keeper;', 'postgres');
    await restore(file, '--no-restart');
    restored();
  });

  it('refuses a replica', async () => {
    const inContainer = (script: string) =>
      execFileSync('docker', ['compose', 'exec', '-T', 'db', 'sh', '-c', script], { cwd: project.directory });
    inContainer('touch "$PGDATA/standby.signal"');
    await project.succeed(['restart', 'db']);
    try {
      expect((await restore(file, '--no-restart')).error).toMatchObject({ code: 'SERVER_READ_ONLY' });
    } finally {
      project.sql('SELECT pg_promote();', 'postgres');
    }
    restored();
  });

  it.each(
    faultSteps<[step: string, call: number, outcome: string]>(
      [
        ['swap', 1, 'reverted'],
        ['restart', 1, 'finished'],
      ],
      [
        ['load', 1, 'reverted'],
        ['load', 5, 'reverted'],
      ],
    ),
  )('killed at step %s, program %i: %s', async (step, call, outcome) => {
    drop();
    const killed = await project.invctl(['db', 'restore', file, '--yes'], {
      env: killAtStep(project.directory, step, call),
    });
    expect(killed.code).toBeNull();
    const { recovered } = await project.succeed(['recover']);
    expect(recovered).toMatchObject([{ operation: 'db restore', step, outcome }]);
    if (outcome === 'reverted') {
      expect(project.databases()).toEqual([]);
      await restore(file, '--no-restart');
    }
    restored();
  });
});
