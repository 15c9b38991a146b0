import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { mountSmallDisk, unmount } from '../../../support/small-disk.js';
import { type DatabaseProject, seedShop, shimDocker, startDatabaseProject } from './fixture.js';

describe.skipIf(withoutDocker)('the other database commands on Docker', () => {
  let project: DatabaseProject;

  beforeAll(() => {
    project = startDatabaseProject('sql');
    seedShop(project, 5000);
  });

  afterAll(() => project?.remove());

  async function exec(text: string, ...flags: string[]) {
    const file = join(project.directory, 'script.sql');
    writeFileSync(file, text);
    const result = await project.invctl(['db', 'exec', ...flags, 'script.sql', '--json']);
    rmSync(file);
    return { ...result, document: JSON.parse(result.stdout) };
  }

  const tables = () =>
    project.sql(`SELECT string_agg(tablename, ' ') FROM pg_tables WHERE tablename LIKE 'made%'`);

  it('db psql gives back what psql prints, and its exit code', async () => {
    const selected = await project.invctl(['db', 'psql', '--', '-Atc', 'SELECT count(*) FROM items']);
    expect(selected).toMatchObject({ code: 0, stdout: '5000\n' });
    const failed = await project.invctl(['db', 'psql', '--', '-c', 'SELECT nothing']);
    expect(failed.code).toBe(1);
    const piped = await project.invctl(['db', 'psql', '--', '-qAt'], { input: 'SELECT 6 * 7;\n' });
    expect(piped.stdout).toBe('42\n');
  });

  it('db exec applies all of a file or nothing, and names the line', async () => {
    const failed = await exec(
      'CREATE TABLE made_a ();\n\nINSERT INTO nowhere VALUES (1);\nCREATE TABLE made_b ();\n',
    );
    expect(failed.code).toBe(1);
    expect(failed.document.error).toMatchObject({ code: 'SQL_FAILED', line: 3 });
    expect(failed.document.error.message).toContain('relation "nowhere" does not exist');
    expect(tables()).toBe('');
    const whole = await exec(
      '\ufeffCREATE TABLE made_a (i int);\nCOPY made_a FROM stdin;\n1\n2\n\\.\nSELECT 7 AS n',
    );
    expect(whole).toMatchObject({ code: 0 });
    expect(whole.document.data.output).toContain('7');
    expect(project.sql('SELECT count(*) FROM made_a')).toBe('2');
    project.sql('DROP TABLE made_a');
  });

  it('db exec --no-transaction keeps what came before the error', async () => {
    const failed = await exec(
      'CREATE TABLE made_a ();\nSELECT nothing;\nCREATE TABLE made_b ();\n',
      '--no-transaction',
    );
    expect(failed.code).toBe(1);
    expect(tables()).toBe('made_a');
    project.sql('DROP TABLE made_a');
  });

  it('db exec applies nothing of a file that did not arrive whole', async () => {
    writeFileSync(
      join(project.directory, 'long.sql'),
      `CREATE TABLE made_a ();\n${'SELECT 1;\n'.repeat(20_000)}`,
    );
    const env = shimDocker(
      project.directory,
      'case " $* " in *" --file=- "*) head -c 5000 | "$REAL" "$@"; exit;; esac\nexec "$REAL" "$@"',
    );
    const cut = await project.invctl(['db', 'exec', 'long.sql', '--json'], { env });
    expect(cut.code).toBe(1);
    expect(JSON.parse(cut.stdout).error.message).toContain('nothing of the file was applied');
    expect(tables()).toBe('');
    rmSync(join(project.directory, 'long.sql'));
  });

  it('db exec warns of a file that commits by itself', async () => {
    const result = await exec('CREATE TABLE made_a ();\nCOMMIT;\n');
    expect(result.document.warnings).toEqual([expect.stringContaining('begins or ends transactions itself')]);
    project.sql('DROP TABLE made_a');
  });

  it('status tells the database and the newest backup', async () => {
    expect((await project.succeed(['status'])).backup).toBeUndefined();
    const { file } = await project.succeed(['db', 'backup']);
    const data = await project.succeed(['status']);
    expect(data.database).toMatchObject({ reachable: true, name: 'shop', bytes: expect.any(Number) });
    expect(data.database.version).toMatch(/^16\.\d+$/);
    expect(data.backup).toMatchObject({ file, level: 1, tooOld: false });
    expect((await project.succeed(['db', 'list'])).backups).toMatchObject([
      { file, level: 1, manifest: { project: project.name } },
    ]);
  });

  it('a disk that is too small ends a backup before it begins, with nothing left on it', async ({ skip }) => {
    const disk = join(project.directory, 'disk');
    if (!mountSmallDisk(disk, '64k')) skip('this machine does not let us mount a small file system');
    try {
      const result = await project.invctl(['db', 'backup', '-o', 'disk/full.dump', '--json']);
      expect(result.code).toBe(1);
      expect(JSON.parse(result.stdout).error.code).toBe('DISK_FULL');
      expect(readdirSync(disk)).toEqual([]);
      expect(project.invctlSessions()).toBe('');
    } finally {
      unmount(disk);
    }
  });

  it('down --volumes takes a backup first; where that fails, nothing is removed', async () => {
    const volumes = () =>
      execFileSync('docker', ['volume', 'ls', '--quiet', '--filter', `name=${project.name}_`], {
        encoding: 'utf8',
      });
    const down = ['down', '--volumes', '--confirm', project.name, '--json'];
    const env = shimDocker(
      project.directory,
      'case " $* " in *" pg_dump "*) exit 1;; esac\nexec "$REAL" "$@"',
    );
    const failed = await project.invctl(down, { env });
    expect(JSON.parse(failed.stdout).error).toMatchObject({
      code: 'BACKUP_FAILED',
      hint: expect.stringContaining('--no-backup'),
    });
    expect(failed.code).toBe(1);
    expect(project.sql('SELECT count(*) FROM items')).toBe('5000');

    // A database that is down is started for its backup.
    expect((await project.invctl(['stop'])).code).toBe(0);
    const done = await project.invctl(down);
    expect(done).toMatchObject({ code: 0 });
    const { backup } = JSON.parse(done.stdout).data;
    expect(existsSync(`${backup}.manifest.json`)).toBe(true);
    expect(volumes()).toBe('');

    // The backup restores into the empty database of a new volume.
    expect((await project.invctl(['up'])).code).toBe(0);
    expect((await project.invctl(['db', 'restore', backup, '--yes'])).code).toBe(0);
    expect(project.sql('SELECT count(*) FROM items')).toBe('5000');
  });
});
