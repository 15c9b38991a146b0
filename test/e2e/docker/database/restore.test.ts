import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { faultSteps } from '../../../support/fault-counts.js';
import { ENTER, invctlOnTerminal } from '../../../support/terminal.js';
import { type DatabaseProject, seedShop, shimDocker, startDatabaseProject } from './fixture.js';

describe.skipIf(withoutDocker)('db restore on Docker', () => {
  let project: DatabaseProject;
  let file: string;
  let seeded: string;

  beforeAll(async () => {
    project = startDatabaseProject('restore');
    seedShop(project, 2000);
    project.sql(`CREATE ROLE reader LOGIN; GRANT SELECT ON items TO reader; GRANT CONNECT ON DATABASE shop TO reader;
      REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC;
      ALTER DATABASE shop SET search_path TO "$user", public; ALTER ROLE reader IN DATABASE shop SET work_mem TO '5MB';
      ALTER DATABASE shop SET app.api_token TO 'seeded-marker-token';`);
    seeded = project.fingerprint();
    ({ file } = await project.succeed(['db', 'backup', '--level', '3']));
  });

  afterAll(() => project?.remove());

  /** Every test begins with a live database that differs from the backup. */
  let live: string;
  beforeEach(() => {
    project.sql(`DELETE FROM movements WHERE id % 7 = 0; INSERT INTO items (sku, name, price)
      VALUES ('NEW-' || gen_random_uuid(), 'new', 1);`);
    live = project.fingerprint();
  });

  function liveIsUntouched(): void {
    expect(project.fingerprint()).toBe(live);
    expect(project.databases().filter((name) => name.includes('_restore_'))).toEqual([]);
    expect(project.invctlSessions()).toBe('');
    expect(project.clientProcesses()).toBe('');
    expect(existsSync(join(project.directory, '.invctl'))).toBe(false);
  }

  it('restores exactly, with grants and settings, and undo brings back exactly what was there', async () => {
    const properties = () =>
      project
        .sql(
          `SELECT datname, datacl, setrole::regrole, array_to_string(setconfig, ';') FROM pg_database d LEFT JOIN pg_db_role_setting s ON setdatabase = d.oid WHERE datname = 'shop' ORDER BY 3`,
          'postgres',
        )
        .split('\n')
        // the order of entries says nothing
        .map((line) => line.split(/[|;{},]/).sort());
    const before = properties();
    const result = await project.invctl(['db', 'restore', basename(file), '--yes', '--json']);
    expect(result).toMatchObject({ code: 0 });
    const { data } = JSON.parse(result.stdout);
    expect(data.restored).toBe('shop');
    expect(project.databases()).toEqual(['shop', data.previous]);
    expect(project.fingerprint()).toBe(seeded);
    expect(properties()).toEqual(before);
    expect(data.rows).toContainEqual({
      table: 'public.movements',
      before: 6000 - Math.floor(6000 / 7),
      after: 6000,
    });
    expect(result.stdout + result.stderr).not.toContain('seeded-marker');
    // A value that the app gets from a sequence is free.
    project.sql(`BEGIN; INSERT INTO movements (item_id, quantity) VALUES (1, 1); ROLLBACK;`);

    const undone = await project.invctl(['db', 'restore', '--undo', '--yes', '--json']);
    expect(undone).toMatchObject({ code: 0 });
    expect(project.fingerprint()).toBe(live);

    const asked = await project.invctl(['db', 'restore', '--forget', '--yes', '--json']);
    expect(asked.code).toBe(7);
    expect(project.databases()).toHaveLength(2);
    const forgotten = await project.invctl(['db', 'restore', '--forget', '--confirm', project.name]);
    expect(forgotten.code).toBe(0);
    expect(project.databases()).toEqual(['shop']);
    expect((await project.invctl(['db', 'restore', '--undo', '--yes', '--json'])).stdout).toContain(
      'NOTHING_TO_UNDO',
    );
    liveIsUntouched();
  });

  it('asks before the swap, with what will change; a no changes nothing', async () => {
    const terminal = invctlOnTerminal(['db', 'restore', file], { cwd: project.directory });
    await terminal.waitFor('public.movements');
    await terminal.waitFor('replace the database shop?');
    terminal.type(ENTER);
    expect(await terminal.ended).toBe(1);
    expect(terminal.screen()).toContain('cancelled; nothing was changed');
    liveIsUntouched();
  });

  it.each([['FILE'], ['--undo']])(
    'does nothing at all for a question that nobody can answer: %s',
    async (what) => {
      const trace = ['-v', 'db', 'restore', what === 'FILE' ? file : what, '--json'];
      const result = await project.invctl(trace);
      expect(result.code).toBe(7);
      expect(JSON.parse(result.stdout).error).toMatchObject({
        code: 'CONFIRMATION_NEEDED',
        hint: 'the same command with --yes',
      });
      // No program of the engine was even started.
      expect(result.stderr).not.toContain('$ docker');
      liveIsUntouched();
    },
  );

  it('survives a client that hammers connections during the swap', async () => {
    const hammer = project.repeat('psql -U owner -d shop -XqAtc "SELECT count(*) FROM items"');
    const result = await project.invctl(['db', 'restore', file, '--yes', '--json']);
    await hammer.prints();
    const answers = await hammer.end();
    expect(result).toMatchObject({ code: 0 });
    expect(project.fingerprint()).toBe(seeded);
    expect(answers.at(-1)).toBe('2000');
    expect((await project.invctl(['db', 'restore', '--forget', '--confirm', project.name])).code).toBe(0);
  });

  describe('refuses, and leaves the live database as it is:', () => {
    const names: string[] = [];
    function variant(name: string, change: (archive: Buffer) => Buffer, withManifest = true): string {
      const path = join(project.directory, name);
      names.push(path);
      writeFileSync(path, change(readFileSync(file)));
      if (withManifest) copyFileSync(`${file}.manifest.json`, `${path}.manifest.json`);
      return path;
    }

    function manifestVariant(change: (manifest: Record<string, unknown>) => unknown): string {
      const path = variant('changed.dump', (archive) => archive);
      const manifest = JSON.parse(readFileSync(`${path}.manifest.json`, 'utf8'));
      writeFileSync(`${path}.manifest.json`, JSON.stringify(change(manifest)));
      return path;
    }

    async function refused(path: string, code: string, exitCode: number, env = {}): Promise<string> {
      const result = await project.invctl(['db', 'restore', path, '--yes', '--json'], { env });
      expect(JSON.parse(result.stdout).error).toMatchObject({ code });
      expect(result.code).toBe(exitCode);
      liveIsUntouched();
      for (const name of names.splice(0)) {
        rmSync(name, { force: true });
        rmSync(`${name}.manifest.json`, { force: true });
      }
      return JSON.parse(result.stdout).error.message;
    }

    it('an archive with one flipped bit', async () => {
      const flip = (archive: Buffer) => {
        const changed = Buffer.from(archive);
        const at = Math.floor(changed.length * 0.7);
        changed[at] = (changed[at] as number) ^ 0x10;
        return changed;
      };
      await refused(variant('flipped.dump', flip), 'BACKUP_UNREADABLE', 8);
    });

    it.each(faultSteps([40], [3, 99.9]))(
      'an archive cut at %f percent, even without a manifest to compare with',
      async (percent) => {
        const cut = (archive: Buffer) => archive.subarray(0, Math.floor((archive.length * percent) / 100));
        await refused(variant('cut.dump', cut, false), 'BACKUP_UNREADABLE', 8);
      },
    );

    it('rows that are not those of the manifest', async () => {
      const path = manifestVariant((manifest) => ({
        ...manifest,
        tables: (manifest.tables as { name: string; rows: number }[]).map((table) => ({
          ...table,
          rows: table.rows + 1,
        })),
      }));
      expect(await refused(path, 'RESTORE_INCOMPLETE', 8)).toContain(
        'public.items has 2000 rows in place of 2001',
      );
    });

    it('a dump of a newer server, before anything happens', async () => {
      await refused(
        manifestVariant((manifest) => ({ ...manifest, server: { version: '99.1', major: 99 } })),
        'NEWER_SERVER',
        1,
      );
    });

    it('roles that the server lacks', async () => {
      const path = manifestVariant((manifest) => ({
        ...manifest,
        roles: [{ name: 'nobody here', superuser: false, login: true }],
      }));
      expect(await refused(path, 'ROLES_MISSING', 1)).toContain('nobody here');
    });

    it('a docker that cuts the archive on its way to the server', async () => {
      const env = shimDocker(
        project.directory,
        'case " $* " in *"cat > "*) head -c 3000 | "$REAL" "$@"; exit;; esac\nexec "$REAL" "$@"',
      );
      await refused(file, 'BACKUP_UNREADABLE', 8, env);
    });

    it('a server that ends the load half-way', async () => {
      // Each row of it takes 5 ms to load, so that the load is surely under way when it is ended.
      project.sql(`CREATE FUNCTION slow(i int) RETURNS boolean LANGUAGE sql AS 'SELECT true';
        CREATE TABLE slowly (i int CHECK (slow(i))); INSERT INTO slowly SELECT generate_series(1, 4000);
        CREATE OR REPLACE FUNCTION slow(i int) RETURNS boolean LANGUAGE sql AS 'SELECT pg_sleep(0.005) IS NOT NULL';`);
      const slow = join(project.directory, 'slow.dump');
      expect(await project.invctl(['db', 'backup', '-o', slow])).toMatchObject({ code: 0 });
      project.sql('DROP TABLE slowly; DROP FUNCTION slow');
      names.push(slow);
      let over = false;
      const running = refused(slow, 'RESTORE_FAILED', 1).finally(() => {
        over = true;
      });
      const loading = `FROM pg_stat_activity WHERE datname LIKE 'shop_restore%' AND state = 'active' AND query LIKE 'COPY public.slowly%'`;
      while (!over && project.sql(`SELECT count(*) ${loading}`, 'postgres') === '0') await sleep(20);
      project.sql(`SELECT pg_terminate_backend(pid) ${loading}`, 'postgres');
      expect(await running).toMatch(/terminating connection|server closed the connection/);
    });
  });

  describe('with a plain dump, as the seed document makes it,', () => {
    let sql: string;

    beforeAll(async () => {
      const dump = spawn('docker', ['compose', 'exec', '-T', 'db', 'pg_dump', '-U', 'owner', 'shop'], {
        cwd: project.directory,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const chunks: Buffer[] = [];
      dump.stdout.on('data', (chunk) => chunks.push(chunk));
      await once(dump, 'close');
      sql = Buffer.concat(chunks).toString('utf8');
    });

    it.each(faultSteps(['backup.sql.gz'], ['backup.sql']))(
      'restores %s through the same path',
      async (name) => {
        const path = join(project.directory, name);
        writeFileSync(path, name.endsWith('.gz') ? gzipSync(sql) : sql);
        const before = project.fingerprint();
        project.sql('TRUNCATE movements');
        const result = await project.invctl(['db', 'restore', path, '--yes', '--json']);
        expect(result).toMatchObject({ code: 0 });
        expect(JSON.parse(result.stdout).data.rows).toContainEqual(
          expect.objectContaining({ table: 'public.movements', before: 0 }),
        );
        expect(project.fingerprint()).not.toBe(before);
        expect(Number(project.sql('SELECT count(*) FROM movements'))).toBe(
          /COPY public\.movements [^\n]*\n([\s\S]*?)\n\\\./.exec(sql)?.[1]?.split('\n').length,
        );
        rmSync(path);
        await project.invctl(['db', 'restore', '--forget', '--confirm', project.name]);
      },
    );

    it('refuses one that was cut inside a COPY, which psql would restore without a word', async () => {
      const path = join(project.directory, 'cut.sql');
      const cut = sql.slice(0, sql.indexOf('COPY public.movements') + 2000);
      writeFileSync(path, cut.slice(0, cut.lastIndexOf('\n') + 1));
      const result = await project.invctl(['db', 'restore', path, '--yes', '--json']);
      expect(result.code).toBe(8);
      expect(JSON.parse(result.stdout).error).toMatchObject({ code: 'DUMP_UNSAFE' });
      expect(JSON.parse(result.stdout).error.message).toContain('public.movements do not end');
      rmSync(path);
      liveIsUntouched();
    });

    it('refuses half a gzip file', async () => {
      const path = join(project.directory, 'cut.sql.gz');
      const whole = gzipSync(sql);
      expect(gunzipSync(whole).toString('utf8')).toBe(sql);
      writeFileSync(path, whole.subarray(0, whole.length / 2));
      const result = await project.invctl(['db', 'verify', path, '--json']);
      expect(result.code).toBe(8);
      rmSync(path);
      liveIsUntouched();
    });
  });

  it('verifies at every level, notes the highest, and tells content that differs', async () => {
    for (const level of ['0', '1', '2', '3']) {
      const { code, stdout } = await project.invctl(['db', 'verify', file, '--level', level, '--json']);
      expect(code).toBe(0);
      expect(JSON.parse(stdout).data).toMatchObject({ file, level: Number(level) });
    }
    const manifestFile = `${file}.manifest.json`;
    const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'));
    expect(manifest.verification.level).toBe(3);
    manifest.tables[1].contentHash = '2000:1:2';
    writeFileSync(manifestFile, JSON.stringify(manifest));
    expect((await project.invctl(['db', 'verify', file, '--level', '2'])).code).toBe(0);
    const differs = await project.invctl(['db', 'verify', file, '--level', '3', '--json']);
    expect(differs.code).toBe(8);
    expect(JSON.parse(differs.stdout).error.message).toContain('the content of public.items differs');
    expect(project.databases()).toEqual(['shop']);
    expect(readdirSync(join(project.directory, 'backups'))).toHaveLength(2);
  });
});
