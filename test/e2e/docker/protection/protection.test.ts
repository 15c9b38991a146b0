import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acknowledgedLoad } from '../../../../scripts/acknowledged-load.mjs';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize, faultCount } from '../../../support/fault-counts.js';
import { type ProtectionStatus, untilProtection, untilSafe } from '../../../support/protection/until.js';
import { schemaErrors } from '../../../support/schema.js';
import { type DatabaseProject, startDatabaseProject } from '../database/fixture.js';

/** From the second on, each comes as soon as the receiver is back after the restore before it. */
const kills = faultCount('FAULT_KILLS', 2);

const APP = `
  app:
    image: node:24-slim
    init: true
    command: ["sleep", "infinity"]
    depends_on: {db: {condition: service_healthy}}`;

/** One project from before its protection to after it: each test begins where the one before it ended. */
describe.skipIf(withoutDocker)('db protect and db restore --to on Docker', () => {
  let project: DatabaseProject;
  let place: string;
  let composeBefore: string;
  /** A moment at which `notes` had 100 rows. */
  let hundred: string;

  beforeAll(() => {
    project = startDatabaseProject('protect', {
      services: APP,
      more: '    ports: ["127.0.0.1::5432"]\n',
    });
    place = join(project.directory, 'backups', 'protection');
    composeBefore = composeFile();
    project.sql('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)');
  });

  afterAll(() => project?.remove());

  const composeFile = () => readFileSync(join(project.directory, 'compose.yaml'), 'utf8');
  const rows = () => Number(project.sql('SELECT count(*) FROM notes'));
  const add = (count: number) =>
    project.sql(`INSERT INTO notes (text) SELECT 'note ' || i FROM generate_series(1, ${count}) i`);
  const now = () =>
    project.sql(`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS"Z"')`);
  const restore = (...args: string[]) => project.invctl(['db', 'restore', ...args, '--yes', '--json']);

  /** Waits until all that was committed before this call is safe. */
  const safe = () => untilSafe(status);

  const status = () => project.succeed(['db', 'protect', 'status']);
  const untilStatus = (wanted: (status: ProtectionStatus) => boolean) => untilProtection(status, wanted);

  it('asks before it edits the compose file, and changes nothing without an answer', async () => {
    const { code, stdout } = await project.invctl(['db', 'protect', 'on', '--json']);
    expect(code).toBe(7);
    expect(JSON.parse(stdout).error.code).toBe('CONFIRMATION_NEEDED');
    expect(composeFile()).toBe(composeBefore);
    expect(project.sql(`SELECT count(*) FROM pg_roles WHERE rolname = 'invctl_protect'`)).toBe('0');
    const off = await project.invctl(['db', 'restore', '--to', 'latest', '--yes', '--json']);
    expect(JSON.parse(off.stdout).error).toMatchObject({ code: 'NOT_PROTECTED' });
  });

  it('is switched on while the database goes on, with a first base backup', async () => {
    const started = project.sql('SELECT pg_postmaster_start_time()');
    const { code, stdout } = await project.invctl(['db', 'protect', 'on', '--yes', '--json']);
    const document = JSON.parse(stdout);
    expect({ code, error: document.error }).toEqual({ code: 0, error: undefined });
    expect(schemaErrors('db-protect-on', document)).toEqual([]);
    expect(document.data.diff).toContain('+  db-protect:');
    expect(project.sql('SELECT pg_postmaster_start_time()')).toBe(started);
    expect(project.sql('SHOW max_slot_wal_keep_size')).toBe('4GB');
    expect(statSync(place).mode & 0o077).toBe(0);
    // Nobody reads the receiver's password in the compose file, or in what its container runs.
    const password = readFileSync(join(place, '.pgpass'), 'utf8').trim().split(':').at(-1) as string;
    expect(composeFile()).not.toContain(password);
    expect(project.compose('top', 'db-protect')).not.toContain(password);
    const { stdout: said } = await project.invctl(['db', 'protect', 'status']);
    expect(said).toMatch(/^protected\n/);
  });

  it('is told by status, and is what the production checklist asks for', async () => {
    const waits = await project.invctl(['doctor', '--only', 'db.depends-short', '--json']);
    expect(JSON.parse(waits.stdout).data.checks[0]).toMatchObject({ outcome: 'pass', findings: [] });
    await untilStatus(({ windows }) => windows.length > 0);
    const status = await project.succeed(['status']);
    expect(status.backup).toBeUndefined();
    expect(status.protection).toMatchObject({ receiver: 'receiving', message: '', windows: [{}] });
    const { stdout } = await project.invctl(['status']);
    expect(stdout).toMatch(/^protection {2}from .+ until [\d.]+ m?s ago$/m);
    const checklist = await project.invctl(['doctor', '--production', '--only', 'prod.backups']);
    expect(checklist.stdout).toContain('Nothing is wrong');
  });

  it('brings back a moment, keeps the server of before, and undoes it', async () => {
    add(100);
    await sleep(1100);
    hundred = now();
    await sleep(1100);
    project.sql('DELETE FROM notes WHERE id > 7');
    await safe();
    const { code, stdout } = await restore('--to', hundred);
    const document = JSON.parse(stdout);
    expect({ code, error: document.error }).toEqual({ code: 0, error: undefined });
    expect(schemaErrors('db-restore', document)).toEqual([]);
    expect(document.data.rows).toContainEqual({ table: 'public.notes', before: 7, after: 100 });
    expect(rows()).toBe(100);
    // It can be written to, and its sequence goes on.
    add(1);
    expect(project.sql('SELECT max(id) > 100 FROM notes')).toBe('t');
    const undone = await project.succeed(['db', 'restore', '--undo', '--yes']);
    expect(undone.previous).toContain('_before_');
    expect(rows()).toBe(7);
  });

  it('brings back what was there before a transaction', async () => {
    const deletion = project.sql('BEGIN; DELETE FROM notes; SELECT pg_current_xact_id(); COMMIT');
    await safe();
    expect(rows()).toBe(0);
    const { code, stdout } = await restore('--to-before', deletion);
    expect({ code, error: JSON.parse(stdout).error }).toEqual({ code: 0, error: undefined });
    expect(rows()).toBe(7);
    await project.succeed(['db', 'restore', '--undo', '--yes']);
    expect(rows()).toBe(0);
  });

  it.runIf(atFullSize)(
    'goes on with what was brought back: across a restore, each moment is what it was then',
    async () => {
      await restore('--to', hundred);
      add(11);
      await untilStatus(({ receiver, newestBase }) => receiver === 'receiving' && newestBase !== null);
      await safe();
      const here = await project.succeed(['db', 'verify', '--to', 'latest']);
      expect(here.tables).toEqual([{ name: 'public.notes', rows: 111 }]);
      const then = await project.succeed(['db', 'verify', '--to', hundred]);
      expect(then.tables).toEqual([{ name: 'public.notes', rows: 100 }]);
      expect(rows()).toBe(111);
      const { forgotten } = await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
      expect(forgotten.length).toBe(3);
    },
  );

  it('refuses a moment outside of what it has, naming that', async () => {
    for (const [moment, why] of [
      ['3d-ago', 'before the first moment'],
      ['2126-01-01', 'after the last moment'],
    ]) {
      const { code, stdout } = await restore('--to', moment as string);
      expect(code).toBe(1);
      const { error } = JSON.parse(stdout);
      expect(error.code).toBe('TARGET_OUTSIDE');
      expect(error.message).toContain(why);
      expect(error.message).toMatch(/What can be: from .* until /);
    }
    expect((await restore('--to', 'yesterday-ish')).code).toBe(2);
  });

  it('tells a segment with a flipped bit, and one that is missing', async () => {
    const { base } = await project.succeed(['db', 'backup', '--base']);
    expect(base.bytes).toBeGreaterThan(1000);
    add(5);
    const name = project.sql('SELECT pg_walfile_name(pg_current_wal_lsn())');
    project.sql('SELECT pg_switch_wal()');
    add(5);
    await safe();
    const runs = readFileSync(join(place, 'state', 'runs'), 'utf8')
      .trim()
      .split('\n');
    const run = runs.at(-1)?.split(' ')[1] as string;
    // The segments of the runs before it have their sums too.
    const others = readdirSync(join(place, 'wal')).filter((name) => name !== run);
    const sums = join(place, 'wal', run, 'SHA256SUMS');
    await untilStatus(() => readFileSync(sums, 'utf8').includes(name));
    const segment = join(place, 'wal', run, name);
    const whole = readFileSync(segment);
    const flipped = Buffer.from(whole);
    flipped[100_000] = (flipped[100_000] as number) ^ 1;
    writeFileSync(segment, flipped);
    const { code, stdout } = await project.invctl(['db', 'verify', '--to', 'latest', '--json']);
    expect({ code, error: JSON.parse(stdout).error?.code }).toEqual({ code: 8, error: 'PROTECTION_DAMAGED' });
    expect(JSON.parse(stdout).error.file).toBe(segment);
    writeFileSync(segment, whole);
    for (const other of others) {
      const files = readdirSync(join(place, 'wal', other)).filter((file) => /^[0-9A-F]{24}$/.test(file));
      expect(files).not.toEqual([]);
      const summed = readFileSync(join(place, 'wal', other, 'SHA256SUMS'), 'utf8');
      expect(files.filter((file) => !summed.includes(file))).toEqual([]);
    }
    renameSync(segment, `${segment}.away`);
    // What can be brought back ends before the gap.
    const gone = now();
    await sleep(1100);
    const missing = await restore('--to', gone);
    expect(JSON.parse(missing.stdout).error.code).toBe('TARGET_OUTSIDE');
    renameSync(`${segment}.away`, segment);
    const archive = readdirSync(base.folder).find((name) => name.startsWith('base.tar.')) as string;
    const bytes = readFileSync(join(base.folder, archive));
    writeFileSync(join(base.folder, archive), bytes.subarray(0, bytes.length / 2));
    const cut = await project.invctl(['db', 'verify', '--to', 'latest', '--json']);
    expect({ code: cut.code, error: JSON.parse(cut.stdout).error?.code }).toEqual({
      code: 8,
      error: 'PROTECTION_DAMAGED',
    });
    writeFileSync(join(base.folder, archive), bytes);
  });

  it('receives from no other server than its own', async () => {
    const system = readFileSync(join(place, 'system'), 'utf8');
    const record = readFileSync(join(place, 'protection.json'), 'utf8');
    const foreign = system.replace(/^\d+/, '7000000000000000001');
    writeFileSync(join(place, 'system'), foreign);
    project.compose('restart', '--timeout', '1', 'db-protect');
    const status = await untilStatus(({ receiver }) => receiver === 'refused');
    expect(status.message).toContain('7000000000000000001');
    writeFileSync(
      join(place, 'protection.json'),
      record.replace(system.split('\n')[0] as string, '7000000000000000001'),
    );
    const { stdout } = await project.invctl(['db', 'protect', 'on', '--yes', '--json']);
    expect(JSON.parse(stdout).error.code).toBe('PROTECTION_OF_ANOTHER');
    writeFileSync(join(place, 'system'), system);
    writeFileSync(join(place, 'protection.json'), record);
    await untilStatus(({ receiver }) => receiver === 'receiving');
  });

  it('is renewed by `up` where it is of another version of invctl, in a place of this project alone', async () => {
    const script = join(place, 'receiver.sh');
    const record = readFileSync(join(place, 'protection.json'), 'utf8');
    const present = readFileSync(script, 'utf8');
    const before = `${present}\n# of before\n`;
    writeFileSync(script, before);
    const file = join(project.directory, 'compose.yaml');
    writeFileSync(join(place, 'protection.json'), record.replace(file, '/etc/hosts'));
    expect((await project.succeed(['db', 'protect', 'status'])).message).toBe('');
    expect((await project.succeed(['up'])).unchanged).toContain('db-protect');
    expect(readFileSync(script, 'utf8')).toBe(before);
    writeFileSync(join(place, 'protection.json'), record);
    const { message, receiver } = await project.succeed(['db', 'protect', 'status']);
    expect([receiver, message]).toEqual([
      'receiving',
      'the receiver is that of another version of invctl (invctl up)',
    ]);
    const { stdout } = await project.invctl(['up', '--json']);
    const { data, warnings } = JSON.parse(stdout);
    expect(warnings).toEqual([
      'db-protect was that of another version of invctl: it has been renewed and started again',
    ]);
    expect(data.unchanged).not.toContain('db-protect');
    expect(readFileSync(script, 'utf8')).toBe(present);
    expect(project.compose('exec', 'db-protect', 'cat', '/protection/receiver.sh')).toBe(present);
    const status = await safe();
    expect([status.message, status.windows.length]).toEqual(['', 1]);
  });

  it('begins again by itself, with a new base, after the server gave up what it kept for a receiver that was away', async () => {
    await untilStatus(({ receiver }) => receiver === 'receiving');
    project.sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'`);
    project.sql('SELECT pg_reload_conf()');
    project.compose('stop', '--timeout', '2', 'db-protect');
    project.sql('CREATE TABLE filler AS SELECT generate_series(1, 800000) AS i');
    project.sql('CHECKPOINT');
    project.sql('UPDATE filler SET i = i + 1');
    project.sql('CHECKPOINT');
    expect(project.sql('SELECT wal_status FROM pg_replication_slots')).toBe('lost');
    const before = await project.succeed(['db', 'protect', 'status']);
    expect(before.lagSeconds).toBeGreaterThan(0);
    project.compose('start', 'db-protect');
    const healed = await untilStatus(
      ({ windows, newestBase }) =>
        windows.length > before.windows.length && newestBase.id !== before.newestBase.id,
    );
    // What was not received is a gap, and said to be one.
    expect(Date.parse(healed.windows.at(-1).from)).toBeGreaterThan(Date.parse(healed.windows.at(-2).until));
    project.sql('DROP TABLE filler');
    project.sql(`ALTER SYSTEM SET max_slot_wal_keep_size = '4GB'`);
    project.sql('SELECT pg_reload_conf()');
  });

  it(`loses nothing that was acknowledged when the database is killed under load and its volume removed, ${kills} times`, {
    timeout: 300_000 + kills * 60_000,
  }, async () => {
    project.sql('CREATE TABLE acknowledged (id text PRIMARY KEY)');
    for (let kill = 0; kill < kills; kill += 1) {
      await untilStatus(({ receiver, windows }) => receiver === 'receiving' && windows.length > 0);
      const before = rows();
      const address = project.compose('port', 'db', '5432').trim();
      const load = acknowledgedLoad(
        `postgresql://owner:seeded-marker-password@${address}/shop`,
        `kill${kill}`,
      );
      const wanted = 100 + Math.floor(Math.random() * 2000);
      while (load.count() < wanted) await sleep(2);
      project.compose('kill', 'db');
      const acknowledged = await load.stop();
      project.compose('rm', '--force', 'db');
      execFileSync('docker', ['volume', 'rm', `${project.name}_pgdata`], { stdio: 'ignore' });
      const { code, stdout } = await restore('--to', 'latest');
      const { error, data } = JSON.parse(stdout);
      expect({ code, error, previous: data?.previous }).toEqual({
        code: 0,
        error: undefined,
        previous: null,
      });
      expect(rows()).toBe(before);
      const there = new Set(
        project.sql(`SELECT id FROM acknowledged WHERE id LIKE 'kill${kill}-%'`).split('\n'),
      );
      expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
    }
    // What the lost volume was replaced by is no server that could come back.
    const undone = await project.invctl(['db', 'restore', '--undo', '--yes', '--json']);
    expect(JSON.parse(undone.stdout).error?.code).toBe('NOTHING_TO_UNDO');
  });

  it('is not brought back by an image of another major, and says which one it needs before anything is made', async () => {
    const text = composeFile();
    const [, image = '', major = ''] = /image: (\S*postgres:(\d+)\S*)/.exec(text) ?? [];
    writeFileSync(
      join(project.directory, 'compose.yaml'),
      text.replaceAll(image, image.replace(major, String(Number(major) + 1))),
    );
    try {
      const { code, stdout } = await restore('--to', 'latest');
      const { error } = JSON.parse(stdout);
      expect([code, error.code]).toEqual([4, 'DATABASE_MAJOR_MISMATCH']);
      expect(error.hint).toContain(`set image: ${image} again`);
      expect(error.hint).toContain(`invctl db upgrade --to ${Number(major) + 1}`);
    } finally {
      writeFileSync(join(project.directory, 'compose.yaml'), text);
    }
    expect(project.sql('SELECT 1')).toBe('1');
  });

  it('is not switched off by an environment that has the same compose file and is not protected itself', async () => {
    const text = composeFile();
    const settings = join(project.directory, 'invctl.yaml');
    const overlay = join(project.directory, 'staging.yaml');
    writeFileSync(
      settings,
      `environments: { staging: { project: ${project.name}-staging, files: [compose.yaml, staging.yaml] } }\n`,
    );
    writeFileSync(overlay, 'services:\n  db:\n    environment: {STAGE: "1"}\n');
    try {
      const args = ['--environment', 'staging', 'db', 'protect', 'off', '--yes', '--json'];
      const { code, stdout } = await project.invctl(args);
      expect([code, JSON.parse(stdout).error.code]).toEqual([1, 'NOT_PROTECTED']);
      expect(composeFile()).toBe(text);
    } finally {
      for (const file of [settings, overlay]) rmSync(file);
    }
  });

  it('is switched off without a trace in the server and the compose file', async () => {
    const document = JSON.parse((await project.invctl(['db', 'protect', 'off', '--yes', '--json'])).stdout);
    expect(schemaErrors('db-protect-off', document)).toEqual([]);
    expect(composeFile()).toBe(composeBefore);
    expect(
      project.sql(`SELECT (SELECT count(*) FROM pg_roles WHERE rolname = 'invctl_protect'),
        (SELECT count(*) FROM pg_replication_slots), current_setting('max_slot_wal_keep_size'),
        (SELECT count(*) FROM pg_hba_file_rules WHERE 'invctl_protect' = ANY (user_name))`),
    ).toBe('0|0|-1|0');
    expect(project.compose('ps', '--all', '--services')).not.toContain('db-protect');
    expect(readdirSync(place)).not.toContain('.pgpass');
    expect((await project.succeed(['status'])).protection).toBeUndefined();
  });

  it('receives from a server of before it was switched off and on again, whose role has another password', async () => {
    const moment = project.sql(`SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')`);
    await project.succeed(['db', 'protect', 'on', '--yes']);
    const { windows } = await project.succeed(['db', 'protect', 'status']);
    const before = windows[0].until < moment ? windows[0].until : windows[0].from;
    await project.succeed(['db', 'restore', '--to', before, '--yes']);
    const deadline = Date.now() + 60_000;
    let status = await project.succeed(['db', 'protect', 'status']);
    while (status.receiver !== 'receiving' && Date.now() < deadline) {
      await sleep(1000);
      status = await project.succeed(['db', 'protect', 'status']);
    }
    expect(status).toMatchObject({ receiver: 'receiving', message: '' });
  });
});
