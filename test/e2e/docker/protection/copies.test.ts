import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
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
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { atFullSize } from '../../../support/fault-counts.js';
import { type Follower, follow } from '../../../support/protection/follower.js';
import { type ProtectionStatus, untilProtection } from '../../../support/protection/until.js';
import { type DatabaseProject, startDatabaseProject } from '../database/fixture.js';

/** What must be readable nowhere but on the machine itself. */
const MARKER = 'a row that nobody else may read';

/** One server, its copies, and a second machine: each test begins where the one before it ended. */
describe.skipIf(withoutDocker)('base backups and WAL with a copy away, on Docker', () => {
  let project: DatabaseProject;
  let away: string;
  let folder: string;
  let place: string;
  let key: string;
  let follower: Follower | undefined;
  let composeBefore: string;
  /** By `db protect on`. */
  let said: string;

  beforeAll(async () => {
    project = startDatabaseProject('protect-copy');
    composeBefore = readFileSync(join(project.directory, 'compose.yaml'), 'utf8');
    place = join(project.directory, 'backups', 'protection');
    away = mkdtempSync(join(tmpdir(), 'invctl away '));
    folder = join(away, `${project.name}-protection`);
    const identity = await generateX25519Identity();
    key = join(away, 'key.txt');
    writeFileSync(key, `${identity}\n`);
    const settings = { backup: { copyTo: away, encryptTo: [await identityToRecipient(identity)] } };
    writeFileSync(join(project.directory, 'invctl.yaml'), JSON.stringify(settings));
    project.sql('CREATE TABLE notes (id serial PRIMARY KEY, text text NOT NULL)');
    project.sql(`INSERT INTO notes (text) VALUES ('${MARKER}')`);
    said = (await project.invctl(['db', 'protect', 'on', '--yes'])).stdout;
  });

  afterAll(async () => {
    await follower?.end();
    project?.remove();
    rmSync(away, { recursive: true, force: true });
  });

  const rows = () => Number(project.sql('SELECT count(*) FROM notes'));
  const copy = (...more: string[]) => project.invctl(['db', 'copy', ...more, '--json']);

  const status = () => project.succeed(['db', 'protect', 'status']);
  const untilStatus = (wanted: (status: ProtectionStatus) => boolean) => untilProtection(status, wanted);

  /** Waits until all that was committed before this call is away. */
  async function safeAway(): Promise<void> {
    const since = Date.now();
    await untilStatus(({ copy }) => Date.parse(copy.covered ?? 0) > since + 1000);
  }

  it('are missed by status until somebody writes them', async () => {
    expect(said).toContain(`copies go to ${away} from now on with:  invctl db schedule --install`);
    await untilStatus(({ windows }) => windows.length > 0);
    const checklist = await project.invctl(['doctor', '--production', '--only', 'prod.backups', '--json']);
    expect(JSON.parse(checklist.stdout).data.checks[0].findings[0].message).toMatch(
      /^the database is protected, but base backups and WAL are not copied yet: invctl db schedule --install/,
    );
    const status = await project.succeed(['status']);
    expect(status.protection.message).toContain('db copy --follow');
    follower = follow(project.directory);
    await safeAway();
    expect((await project.succeed(['status'])).protection.message).toBe('');
    const { stdout } = await project.invctl(['db', 'protect', 'status']);
    expect(stdout).toMatch(/^copies in .*-protection: safe there until [\d.]+ m?s ago$/m);
  });

  it('hold each full segment, the open one and the bases, all of it encrypted', async () => {
    project.sql(`INSERT INTO notes (text) SELECT '${MARKER} ' || i FROM generate_series(1, 100) i`);
    project.sql('SELECT pg_switch_wal()');
    project.sql(`INSERT INTO notes (text) SELECT '${MARKER} ' || i FROM generate_series(1, 100) i`);
    await safeAway();
    // The pieces of a segment go when it is there as a whole.
    const pieces = () => readdirSync(folder).filter((name) => /\.piece\.\d+\.0-\d+\.gz\.age$/.test(name));
    while (pieces().length > 1) await sleep(200);
    const names = readdirSync(folder);
    expect(names.filter((name) => /^wal\..*\.\d+\.gz\.age$/.test(name)).length).toBeGreaterThan(0);
    expect(pieces().length).toBe(1);
    expect(names.filter((name) => /^base\..*\.tar\.\w+\.age$/.test(name)).length).toBe(1);
    const plain = names.filter((name) => !name.endsWith('.age'));
    expect(plain.filter((name) => !/(\.json|\.history|\.SHA256SUMS)$/.test(name))).toEqual([]);
    for (const name of names) expect(readFileSync(join(folder, name)).includes(MARKER)).toBe(false);
  });

  it('are written by one process', async () => {
    const other = await copy('--follow');
    expect({ code: other.code, error: JSON.parse(other.stdout).error.code }).toEqual({
      code: 9,
      error: 'PROJECT_LOCKED',
    });
    // A round by hand leaves it to that one.
    const once = await copy();
    expect({ code: once.code, protection: JSON.parse(once.stdout).data?.protection }).toEqual({ code: 0 });
  });

  it('go on by themselves when a place that was away is back, and status tells of it meanwhile', async () => {
    renameSync(away, `${away}.unplugged`);
    const status = await untilStatus(({ copy }) => copy.message.includes('not copied'));
    expect(status.receiver).toBe('receiving');
    const checklist = await project.invctl(['doctor', '--production', '--only', 'prod.backups', '--json']);
    expect(JSON.parse(checklist.stdout).data.checks[0].findings[0].message).toContain('not copied');
    project.sql(`INSERT INTO notes (text) VALUES ('while it was away')`);
    renameSync(`${away}.unplugged`, away);
    await safeAway();
    expect((await untilStatus(({ copy }) => copy.message === '')).receiver).toBe('receiving');
  });

  it('alone are enough for another machine, with the identity', async () => {
    const wanted = rows();
    await safeAway();
    await follower?.end('SIGKILL');
    execFileSync('docker', ['compose', 'down', '--volumes', '--timeout', '1'], {
      cwd: project.directory,
      stdio: 'ignore',
    });
    const lost = `${project.directory} lost`;
    renameSync(project.directory, lost);
    mkdirSync(project.directory);
    writeFileSync(join(project.directory, 'compose.yaml'), composeBefore);
    cpSync(join(lost, 'invctl.yaml'), join(project.directory, 'invctl.yaml'));
    try {
      const restore = ['db', 'restore', '--to', 'latest', '--yes', '--json'];
      // Copies go by the project's name.
      const file = join(project.directory, 'compose.yaml');
      writeFileSync(file, composeBefore.replace(/^name: .*$/m, `name: ${project.name}-other`));
      const other = JSON.parse((await project.invctl(restore)).stdout);
      expect(other.error).toMatchObject({
        code: 'NOT_PROTECTED',
        message: expect.stringContaining(`has no copies of a project "${project.name}-other"`),
      });
      writeFileSync(file, composeBefore);
      const without = await project.invctl(restore);
      expect(JSON.parse(without.stdout).error.code).toBe('IDENTITY_NEEDED');
      const { code, stdout } = await project.invctl(restore, { env: { INVCTL_BACKUP_IDENTITY: key } });
      expect({ code, error: JSON.parse(stdout).error }).toEqual({ code: 0, error: undefined });
      expect(rows()).toBe(wanted);
      // What was fetched is as it was stored.
      const fetched = readdirSync(place, { recursive: true, encoding: 'utf8' });
      expect(fetched.filter((name) => /[0-9A-F]{24}$/.test(name))).toEqual([]);
    } finally {
      rmSync(lost, { recursive: true });
    }
  });

  it('are gone on with by a machine that was told to, and by no other', async () => {
    await project.succeed(['db', 'protect', 'on', '--yes']);
    await untilStatus(({ windows, receiver }) => receiver === 'receiving' && windows.length > 0);
    const refused = await copy();
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout).error).toMatchObject({
      code: 'COPY_OF_ANOTHER',
      hint: expect.stringContaining('--take-over'),
    });
    const taken = JSON.parse((await copy('--take-over')).stdout);
    expect(taken.data.protection.bases).toBe(1);
    // Those of before are there as well, and the way from one to the other.
    const status = await project.succeed(['db', 'protect', 'status']);
    expect(status.windows.length).toBe(1);
    expect(readdirSync(folder).filter((name) => name.endsWith('.history')).length).toBeGreaterThan(0);
    expect(JSON.parse((await copy()).stdout).data.protection).toEqual({ bases: 0, segments: 0 });
  });

  it.runIf(atFullSize)('alone bring back a table and the latest moment when backups/ is lost', async () => {
    const wanted = rows();
    const deletion = project.sql('BEGIN; DELETE FROM notes; SELECT pg_current_xact_id(); COMMIT');
    project.sql(`INSERT INTO notes (text) VALUES ('after it')`);
    await sleep(3000);
    const since = Date.now();
    await untilStatus(({ windows }) => Date.parse(windows.at(-1)?.until ?? '') > since);
    expect((await copy()).code).toBe(0);
    const lose = () => rmSync(join(project.directory, 'backups'), { recursive: true, force: true });
    const restored = async (...target: string[]) => {
      const { code, stdout } = await project.invctl(['db', 'restore', ...target, '--yes', '--json'], {
        env: { INVCTL_BACKUP_IDENTITY: key },
      });
      expect({ code, error: JSON.parse(stdout).error }).toEqual({ code: 0, error: undefined });
      return JSON.parse(stdout).data;
    };
    execFileSync('docker', ['compose', 'stop', '--timeout', '2', 'db-protect'], {
      cwd: project.directory,
      stdio: 'ignore',
    });
    lose();
    const { tables } = await restored('--to-before', deletion, '--table', 'notes');
    expect(tables[0].rows).toBe(wanted);
    project.sql(`DROP TABLE ${tables[0].into}`);
    lose();
    project.sql('DROP TABLE notes');
    await restored('--to', 'latest');
    expect(project.sql('SELECT text FROM notes')).toBe('after it');
    await project.succeed(['db', 'protect', 'on', '--yes']);
    await untilStatus(({ windows, receiver }) => receiver === 'receiving' && windows.length > 0);
    expect(JSON.parse((await copy('--take-over')).stdout).data.protection.bases).toBe(1);
  });

  it('of one server are refused to another', async () => {
    const record = join(folder, 'protection.json');
    const text = readFileSync(record, 'utf8');
    const { systemIdentifier } = JSON.parse(text);
    writeFileSync(record, text.replace(systemIdentifier, '7000000000000000001'));
    const { code, stdout } = await copy('--take-over');
    expect({ code, error: JSON.parse(stdout).error.code }).toEqual({ code: 1, error: 'COPY_OF_ANOTHER' });
    writeFileSync(record, text);
  });

  it.runIf(atFullSize)('give back what is missing here', async () => {
    await copy();
    const moment = project.sql(
      `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')`,
    );
    project.sql(`INSERT INTO notes (text) VALUES ('later'); SELECT pg_switch_wal();`);
    await sleep(3000);
    const since = Date.now();
    await untilStatus(({ windows }) => Date.parse(windows.at(-1)?.until ?? '') > since);
    await copy();
    const run = readdirSync(join(place, 'wal')).sort().at(-1) as string;
    const [first] = readdirSync(join(place, 'wal', run))
      .filter((name) => /^[0-9A-F]{24}$/.test(name))
      .sort();
    rmSync(join(place, 'wal', run, first as string));
    const drill = await project.invctl(['db', 'verify', '--to', moment, '--json'], {
      env: { INVCTL_BACKUP_IDENTITY: key },
    });
    expect({ code: drill.code, error: JSON.parse(drill.stdout).error }).toEqual({
      code: 0,
      error: undefined,
    });
    const { drill: noted } = await project.succeed(['db', 'protect', 'status']);
    expect(noted).toMatchObject({ failure: null });
  });
});
