import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { type ProtectionStatus, untilProtection } from '../../../support/protection/until.js';
import { mountSmallDisk, unmount } from '../../../support/small-disk.js';
import { ENTER, invctlOnTerminal } from '../../../support/terminal.js';
import { type DatabaseProject, startDatabaseProject } from '../database/fixture.js';

/** One project, on small disks where this machine lets us: each test begins where the one before it ended. */
describe.skipIf(withoutDocker)('what happens to a protection on Docker', () => {
  const disks: string[] = [];
  let project: DatabaseProject;
  let place: string;
  /** The data's own disk, where it has one. */
  let dataDisk: string | undefined;
  let placeDisk: string | undefined;

  beforeAll(async () => {
    dataDisk = smallDisk(mkdtempSync(join(tmpdir(), 'invctl data ')), '450m');
    project = startDatabaseProject('protect-fault', {
      ...(dataDisk ? { mount: `${dataDisk}:/var/lib/postgresql/data` } : {}),
    });
    placeDisk = smallDisk(join(project.directory, 'backups'), '400m');
    place = join(project.directory, 'backups', 'protection');
    project.sql('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)');
    await project.succeed(['db', 'protect', 'on', '--yes']);
    await untilStatus(({ windows }) => windows.length === 1);
  });

  afterAll(() => {
    project.compose('down', '--volumes', '--timeout', '1');
    for (const disk of disks) unmount(disk);
    project?.remove();
    if (dataDisk) rmSync(dataDisk, { recursive: true, force: true });
  });

  function smallDisk(folder: string, size: string): string | undefined {
    if (!mountSmallDisk(folder, size)) return undefined;
    disks.push(folder);
    return folder;
  }

  const rows = () => Number(project.sql('SELECT count(*) FROM notes'));
  const add = (count = 1) =>
    project.sql(`INSERT INTO notes (text) SELECT 'note ' || i FROM generate_series(1, ${count}) i`);

  const status = () => project.succeed(['db', 'protect', 'status']);
  const untilStatus = (wanted: (status: ProtectionStatus) => boolean) => untilProtection(status, wanted);

  /** Waits until all that was committed before this call is safe, in one window with all that was before. */
  async function safe(): Promise<void> {
    const since = Date.now();
    const { windows } = await untilStatus(
      ({ receiver, windows }) =>
        receiver === 'receiving' && Date.parse(windows.at(-1)?.until ?? '') > since + 1000,
    );
    expect(windows.length).toBe(1);
  }

  const receiverSays = () => readFileSync(join(place, 'state', 'now'), 'utf8');

  it('a second receiver in the same place writes nothing', async () => {
    const before = readdirSync(join(place, 'wal'));
    const said = execFileSync(
      'sh',
      ['-c', 'timeout 6 docker compose run --rm --no-deps -T db-protect 2>&1 || true'],
      { cwd: project.directory, encoding: 'utf8' },
    );
    expect(said).toContain('another receiver writes into /protection');
    expect(readdirSync(join(place, 'wal'))).toEqual(before);
    add();
    await safe();
  });

  it('a receiver that is killed comes back, and nothing is missing', async () => {
    // It takes the program that kills it along.
    spawnSync('docker', ['compose', 'exec', '-T', 'db-protect', 'sh', '-c', 'kill -9 -1'], {
      cwd: project.directory,
    });
    add();
    await safe();
  });

  it.runIf(atFullSize)(
    'a database that is restarted, or killed, is received from again, and nothing is missing',
    async () => {
      project.compose('restart', '--timeout', '5', 'db');
      await ready();
      add();
      await safe();
      project.compose('kill', 'db');
      project.compose('start', 'db');
      await ready();
      add();
      await safe();
    },
  );

  async function ready(): Promise<void> {
    for (;;) {
      try {
        project.sql('SELECT 1');
        return;
      } catch {
        await sleep(200);
      }
    }
  }

  it.runIf(atFullSize)(
    'a new password of the owner changes nothing, and `on` again gives the receiver one',
    async () => {
      project.sql(`ALTER ROLE owner PASSWORD 'another-marker-password'`);
      add();
      await safe();
      const before = readFileSync(join(place, '.pgpass'), 'utf8');
      await project.succeed(['db', 'protect', 'on', '--yes']);
      expect(readFileSync(join(place, '.pgpass'), 'utf8')).not.toBe(before);
      add();
      await safe();
    },
  );

  it.runIf(atFullSize)(
    'a drill finds an index that was damaged in the live server, which no hash of ours can know',
    async ({ skip }) => {
      // Before the clock is set back: a base of the hour that comes twice is not the newest one.
      if (!dataDisk) return skip('the data lies where only the server can reach it');
      add(500);
      project.sql('CHECKPOINT');
      const file = join(dataDisk, project.sql(`SELECT pg_relation_filepath('notes_pkey')`));
      project.compose('stop', '--timeout', '5', 'db');
      const whole = readFileSync(file);
      const broken = Buffer.from(whole);
      // Past the header of the page that the root is in: its entries point elsewhere.
      broken.fill(0xff, 8192 + 8100, 8192 + 8176);
      writeFileSync(file, broken);
      project.compose('start', 'db');
      await ready();
      await project.succeed(['db', 'backup', '--base']);
      await safe();
      const { code, stdout } = await project.invctl(['db', 'verify', '--to', 'latest', '--json']);
      expect({ code, error: JSON.parse(stdout).error?.code }).toEqual({ code: 8, error: 'DATA_DAMAGED' });
      const { drill } = await project.succeed(['db', 'protect', 'status']);
      expect(drill.failure).toContain('notes_pkey');
      project.sql('REINDEX INDEX notes_pkey');
    },
  );

  it.runIf(atFullSize)(
    'a clock that was set back by an hour takes no moment away, and the last one can be brought back',
    async () => {
      project.compose('stop', '--timeout', '2', 'db-protect');
      const ahead = Math.floor(Date.now() / 1000) + 3600;
      writeFileSync(join(place, 'state', 'now'), receiverSays().replace(/^covered=.*$/m, `covered=${ahead}`));
      project.compose('start', 'db-protect');
      add();
      const status = await untilStatus(({ receiver }) => receiver === 'receiving');
      expect(status.lagSeconds).toBe(0);
      const { base } = await project.succeed(['db', 'backup', '--base']);
      expect(Date.parse(base.endedAt) / 1000).toBeGreaterThanOrEqual(ahead);
      const { newestBase, windows } = await project.succeed(['db', 'protect', 'status']);
      expect([newestBase.id, windows.length]).toEqual([base.id, 1]);
      await sleep(5000);
      const drill = await project.succeed(['db', 'verify', '--to', 'latest']);
      expect(drill.tables).toEqual([{ name: 'public.notes', rows: rows() }]);
      expect(drill.base).toBe(base.id);
    },
  );

  it.runIf(atFullSize)(
    'a copy of the project that runs as another one writes nothing into the place of the first',
    async () => {
      const copy = mkdtempSync(join(tmpdir(), 'invctl copied project '));
      const inCopy = (...args: string[]) =>
        execFileSync('docker', ['compose', ...args], { cwd: copy, stdio: 'ignore' });
      try {
        cpSync(project.directory, copy, { recursive: true });
        const text = readFileSync(join(copy, 'compose.yaml'), 'utf8')
          .replace(/^name: .*$/m, `name: ${project.name}-copy`)
          .replace(`${dataDisk}:`, 'pgdata:')
          // Where it goes on writing into the folder of the first.
          .replace('./backups/protection:', `${place}:`);
        writeFileSync(join(copy, 'compose.yaml'), text);
        project.compose('stop', '--timeout', '2', 'db-protect');
        inCopy('up', '--detach', '--wait', 'db');
        inCopy('exec', '-T', 'db', 'psql', '-U', 'owner', '-d', 'shop', '-c', hba());
        const before = readdirSync(join(place, 'wal'), { recursive: true }).length;
        inCopy('up', '--detach', '--no-deps', 'db-protect');
        const refused = () => /^state=refused$/m.test(receiverSays());
        for (let i = 0; i < 60 && !refused(); i += 1) await sleep(1000);
        expect(receiverSays()).toContain('this place is for the server');
        expect(readdirSync(join(place, 'wal'), { recursive: true }).length).toBe(before);
        const { stdout } = await invctl(['db', 'protect', 'on', '--yes', '--json'], { cwd: copy });
        expect(JSON.parse(stdout).error.code).toBe('PROTECTION_OF_ANOTHER');
      } finally {
        inCopy('down', '--volumes', '--timeout', '1');
        rmSync(copy, { recursive: true, force: true });
        project.compose('start', 'db-protect');
      }
      await untilStatus(({ receiver }) => receiver === 'receiving');
    },
  );

  /** Lets the receiver of a copied project in, with the password that was copied. */
  function hba(): string {
    const password = readFileSync(join(place, '.pgpass'), 'utf8').trim().split(':').at(-1);
    return `CREATE ROLE invctl_protect LOGIN REPLICATION PASSWORD '${password}';
      COPY (SELECT 'host replication invctl_protect all scram-sha-256') TO PROGRAM 'cat >>$PGDATA/pg_hba.conf';
      SELECT pg_reload_conf()`;
  }

  it.runIf(atFullSize)(
    'a place that is away is told of at once, and nothing is missing when it is back',
    async () => {
      const away = `${place} away`;
      renameSync(place, away);
      const status = await project.succeed(['db', 'protect', 'status']);
      expect(status).toMatchObject({ on: false, message: expect.stringContaining('is a disk missing?') });
      await tellsChecklist('is a disk missing?');
      add(1000);
      await sleep(3000);
      renameSync(away, place);
      await safe();
    },
  );

  async function tellsChecklist(message: string): Promise<void> {
    const checklist = await project.invctl(['doctor', '--production', '--only', 'prod.backups', '--json']);
    expect(JSON.parse(checklist.stdout).data.checks[0].findings[0].message).toContain(message);
  }

  it('a full disk of the place stops the receiver and not the app, is told, and heals without a gap', async ({
    skip,
  }) => {
    if (!placeDisk) return skip('no small disk can be mounted here');
    const { windows } = await project.succeed(['db', 'protect', 'status']);
    const ballast = join(placeDisk, 'ballast');
    execFileSync('sh', ['-c', `dd if=/dev/zero of='${ballast}' bs=1M 2>/dev/null || true`]);
    const before = rows();
    const status = await untilStatus(({ receiver }) => receiver === 'waiting');
    expect(status.message).toContain('the disk is full');
    add(10_000);
    expect(rows()).toBe(before + 10_000);
    await tellsChecklist('the disk is full');
    const base = await project.invctl(['db', 'backup', '--base', '--json']);
    expect(JSON.parse(base.stdout).error.code).toBe('BASE_FAILED');
    rmSync(ballast);
    const healed = await untilStatus(({ receiver }) => receiver === 'receiving');
    expect(healed.windows.length).toBe(windows.length);
    expect(readdirSync(join(place, 'bases')).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  it.runIf(atFullSize)(
    'a full disk of the volume takes the restore back, and the live database goes on',
    async ({ skip }) => {
      if (!dataDisk) return skip('no small disk can be mounted here');
      const before = rows();
      const restore = () => project.invctl(['db', 'restore', '--to', 'latest', '--yes', '--json']);
      const left = () => readdirSync(dataDisk as string).filter((name) => name.startsWith('pgsql_tmp_'));
      const whole = async (what: { code: number | null; stdout: string }, says: RegExp) => {
        expect(JSON.parse(what.stdout).error).toMatchObject({
          code: 'DATABASE_DISK_FULL',
          message: expect.stringMatching(says),
        });
        expect(rows()).toBe(before);
        expect(left()).toEqual([]);
        expect((await project.succeed(['recover'])).recovered).toEqual([]);
      };
      // Somebody else fills it while the files are unpacked.
      let ended = false;
      const full = restore().finally(() => {
        ended = true;
      });
      while (!left().some((name) => existsSync(join(dataDisk as string, name, 'data', 'base'))) && !ended)
        await sleep(2);
      const ballast = join(dataDisk, 'ballast');
      execFileSync('sh', ['-c', `dd if=/dev/zero of='${ballast}' bs=1M 2>/dev/null || true`]);
      await whole(await full, /takes about \d+ MB: .*No space left on device/);
      rmSync(ballast);
      // Room for no second server.
      project.sql(
        `COPY (SELECT 1) TO PROGRAM 'dd if=/dev/zero of=$PGDATA/ballast bs=1M 2>/dev/null; truncate -s -20M $PGDATA/ballast'`,
      );
      await whole(await restore(), /takes about \d+ MB: No space left: \d+ MB are free/);
      rmSync(ballast);
    },
  );

  it.runIf(atFullSize)(
    'a disk that is full once the question is answered takes the restore back, too',
    async ({ skip }) => {
      if (!dataDisk) return skip('no small disk can be mounted here');
      await sleep(1100);
      const moment = new Date().toISOString().replace('T', ' ');
      await sleep(1100);
      add();
      await safe();
      const before = rows();
      const terminal = invctlOnTerminal(['db', 'restore', '--to', moment], { cwd: project.directory });
      await terminal.waitFor('replace the database');
      const ballast = join(dataDisk, 'ballast');
      execFileSync('sh', ['-c', `dd if=/dev/zero of='${ballast}' bs=1k 2>/dev/null || true`]);
      terminal.type(`y${ENTER}`);
      expect(await terminal.ended).toBe(1);
      expect(terminal.screen()).toMatch(/no room for a second server beside db .*takes\s+about \d+ MB/s);
      expect(terminal.screen()).toContain('No space left');
      expect(rows()).toBe(before);
      expect(readdirSync(dataDisk).filter((name) => name.startsWith('pgsql_tmp_'))).toEqual([]);
      rmSync(ballast);
      expect((await project.succeed(['recover'])).recovered).toEqual([]);
    },
  );
});
