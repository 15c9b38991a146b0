import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bin } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { type DatabaseProject, seedShop, sha256Of, shimDocker, startDatabaseProject } from './fixture.js';

describe.skipIf(withoutDocker)('db backup --format plain on Docker', () => {
  let project: DatabaseProject;
  let folder: string;

  beforeAll(() => {
    project = startDatabaseProject('plain');
    folder = join(project.directory, 'backups');
    seedShop(project, 500);
  });

  afterAll(() => project?.remove());
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function takePlain(): Promise<string> {
    const result = await project.invctl(['db', 'backup', '--format', 'plain', '--json']);
    expect(result).toMatchObject({ code: 0 });
    return JSON.parse(result.stdout).data.file;
  }

  it('is SQL that gunzip and psql restore, with a manifest', async () => {
    const file = await takePlain();
    expect(file).toMatch(/\.sql\.gz$/);
    const manifest = JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'));
    expect(manifest).toMatchObject({ format: 'plain', compression: 'gzip', sha256: sha256Of(file) });
    project.sql('CREATE DATABASE by_hand');
    const { status, stderr } = spawnSync(
      'bash',
      [
        '-o',
        'pipefail',
        '-c',
        'gunzip -c "$1" | docker compose exec -T db psql --username=owner --dbname=by_hand -Xq --set=ON_ERROR_STOP=1',
        'bash',
        file,
      ],
      { cwd: project.directory, encoding: 'utf8' },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(project.fingerprint('by_hand')).toBe(project.fingerprint());
    project.sql('DROP DATABASE by_hand');
  });

  it('is listed, verified to each level and restored like any other', async () => {
    const taken = await project.invctl(['db', 'backup', '--format', 'plain', '--level', '3', '--json']);
    const { file, level } = JSON.parse(taken.stdout).data;
    expect(level).toBe(3);
    const listed = JSON.parse((await project.invctl(['db', 'list', '--json'])).stdout);
    expect(listed.data.backups).toMatchObject([{ file, level: 3 }]);
    for (const wanted of ['0', '1', '2', '3']) {
      expect(await project.invctl(['db', 'verify', file, '--level', wanted])).toMatchObject({ code: 0 });
    }
    const before = project.fingerprint();
    project.sql(`DELETE FROM movements; UPDATE items SET name = 'gone'`);
    expect(await project.invctl(['db', 'restore', file, '--yes'])).toMatchObject({ code: 0 });
    expect(project.fingerprint()).toBe(before);
    await project.invctl(['db', 'restore', '--forget', '--confirm', project.name]);
    expect(project.databases()).toEqual(['shop']);
  });

  it('goes into a pipe as well', async () => {
    const { status, stdout } = spawnSync(
      'bash',
      [
        '-o',
        'pipefail',
        '-c',
        '"$1" "$2" db backup --format plain -o - | gunzip -c',
        'bash',
        process.execPath,
        bin,
      ],
      { cwd: project.directory, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    );
    expect(status).toBe(0);
    expect(stdout).toContain('COPY public.items ');
    expect(stdout.trimEnd()).toMatch(/-- PostgreSQL database dump complete\n--[\s\S]*$/);
    expect(existsSync(folder)).toBe(false);
  });

  it.each([
    ['cut inside gzip', 'head -c 20000', 'does not unpack'],
    ['cut inside a COPY', 'gunzip | head -c 20000 | gzip', 'the rows of public.items do not end'],
    ['without its last words', "gunzip | sed '/dump complete/d' | gzip", 'its last words'],
    ['without a row', "gunzip | sed '/\\tSKU-7\\t/d' | gzip", 'public.items has 499 rows in place of 500'],
  ])('refuses a dump %s that a docker with status 0 hands over', async (_, filter, message) => {
    const env = shimDocker(
      project.directory,
      `case " $* " in *" pg_dump "*"--snapshot="*) "$REAL" "$@" | ${filter}; exit 0;; esac\nexec "$REAL" "$@"`,
    );
    const result = await project.invctl(['db', 'backup', '--format', 'plain', '--json'], { env });
    expect(result.code).toBe(8);
    expect(JSON.parse(result.stdout).error).toMatchObject({ code: 'BACKUP_UNREADABLE' });
    expect(JSON.parse(result.stdout).error.message).toContain(message);
    expect(readdirSync(folder)).toEqual([]);
    expect(project.invctlSessions()).toBe('');
  });

  it('refuses to restore one without its last words, even where its SHA-256 is right', async () => {
    const file = await takePlain();
    const cut = gunzipSync(readFileSync(file))
      .toString('utf8')
      .replace(/^-- PostgreSQL database dump complete$/m, '--');
    writeFileSync(file, gzipSync(cut));
    const manifest = JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'));
    const sealed = { ...manifest, sha256: sha256Of(file), bytes: readFileSync(file).length };
    writeFileSync(`${file}.manifest.json`, JSON.stringify(sealed));
    const before = project.fingerprint();
    for (const words of [
      ['db', 'restore', file, '--yes'],
      ['db', 'verify', file],
    ]) {
      const result = await project.invctl([...words, '--json']);
      expect(result.code).toBe(8);
      expect(JSON.parse(result.stdout).error.message).toContain('its last words');
    }
    expect(project.fingerprint()).toBe(before);
    expect(project.databases()).toEqual(['shop']);
  });

  it('knows no other format', async () => {
    expect(await project.invctl(['db', 'backup', '--format', 'tar'])).toMatchObject({ code: 2 });
  });
});
