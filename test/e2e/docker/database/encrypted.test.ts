import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { withoutAge } from '../../../support/age.js';
import { bin, type CliResult } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { faultSteps } from '../../../support/fault-counts.js';
import { mountSmallDisk, unmount } from '../../../support/small-disk.js';
import { type DatabaseProject, seedShop, sha256Of, shimDocker, startDatabaseProject } from './fixture.js';

describe.skipIf(withoutDocker)('encrypted backups on Docker', () => {
  let project: DatabaseProject;
  let folder: string;
  let key: string;
  let recipient: string;
  const identity = { INVCTL_BACKUP_IDENTITY: 'key.txt' };

  beforeAll(async () => {
    project = startDatabaseProject('encrypted');
    folder = join(project.directory, 'backups');
    seedShop(project, 2000);
    key = await generateX25519Identity();
    recipient = await identityToRecipient(key);
    writeFileSync(join(project.directory, 'key.txt'), `${key}\n`, { mode: 0o600 });
    settings({});
  });

  afterAll(() => project?.remove());
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
    settings({});
  });

  function settings(more: Record<string, unknown>): void {
    const text = JSON.stringify({ backup: { encryptTo: [recipient], ...more } });
    writeFileSync(join(project.directory, 'invctl.yaml'), text);
  }

  async function take(...words: string[]): Promise<string> {
    const result = await project.invctl(['db', 'backup', ...words, '--json']);
    expect(result).toMatchObject({ code: 0 });
    return JSON.parse(result.stdout).data.file;
  }

  function failure(result: CliResult): { code: string; message: string; hint: string } {
    expect(result.stdout + result.stderr).not.toContain(key.slice(16, 60));
    return JSON.parse(result.stdout).error;
  }

  it('brings only what is encrypted to the disk, and what age reads', async () => {
    // While pg_dump still writes: what is there of the partial file.
    const env = shimDocker(
      project.directory,
      `case " $* " in *" pg_dump "*"--snapshot="*)
  "$REAL" "$@" && { sleep 1; cp '${folder}'/*.partial '${project.directory}/seen'; }; exit $?;; esac
exec "$REAL" "$@"`,
    );
    const result = await project.invctl(['db', 'backup', '--json'], { env });
    expect(result).toMatchObject({ code: 0 });
    const { file, manifest } = JSON.parse(result.stdout).data;
    expect(file).toMatch(/\.dump\.age$/);
    expect(manifest).toMatchObject({
      format: 'custom',
      encryption: { format: 'age', recipients: [recipient] },
      sha256: sha256Of(file),
    });
    for (const path of [file, join(project.directory, 'seen')]) {
      const bytes = readFileSync(path);
      expect(bytes.subarray(0, 21).toString()).toBe('age-encryption.org/v1');
      expect(bytes.includes('PGDMP')).toBe(false);
    }
    rmSync(join(project.directory, 'seen'));
    if (withoutAge) return;
    const archive = execFileSync('age', ['-d', '-i', join(project.directory, 'key.txt'), file], {
      maxBuffer: 64 * 1024 * 1024,
    });
    const { status, stdout } = spawnSync(
      'docker',
      ['compose', 'exec', '-T', 'db', 'pg_restore', '--file=-'],
      { cwd: project.directory, input: archive, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    );
    expect(status).toBe(0);
    expect(stdout).toContain('SKU-2000\t');
  });

  it('needs the identity for what is inside, and none for its SHA-256', async () => {
    const file = await take();
    expect(await project.invctl(['db', 'verify', file, '--level', '0'])).toMatchObject({ code: 0 });
    for (const words of [
      ['db', 'verify', file],
      ['db', 'verify', file, '--level', '2'],
      ['db', 'restore', file, '--yes'],
    ]) {
      const result = await project.invctl([...words, '--json']);
      expect(result.code).toBe(1);
      expect(failure(result)).toMatchObject({ code: 'IDENTITY_NEEDED' });
      expect(failure(result).hint).toContain('INVCTL_BACKUP_IDENTITY=');
    }
    writeFileSync(join(project.directory, 'other.txt'), await generateX25519Identity());
    const env = { INVCTL_BACKUP_IDENTITY: 'other.txt' };
    const wrong = await project.invctl(['db', 'restore', file, '--yes', '--json'], { env });
    expect(failure(wrong)).toMatchObject({ code: 'IDENTITY_WRONG' });
    expect(project.databases()).toEqual(['shop']);
    for (const level of ['1', '2']) {
      const result = await project.invctl(['db', 'verify', file, '--level', level], { env: identity });
      expect(result).toMatchObject({ code: 0 });
    }
  });

  it.each(faultSteps(['custom'], ['plain']))(
    'restores a %s one without a copy of what it holds',
    async (format) => {
      settings({ identity: 'key.txt' });
      const file = await take('--format', format, '--level', '3');
      const before = project.fingerprint();
      project.sql('DELETE FROM movements; DELETE FROM items WHERE id > 10');
      const env = shimDocker(
        project.directory,
        `case "$*" in *"umask 077; cat"*) echo "a copy in the container" >&2; exit 1;; esac\nexec "$REAL" "$@"`,
      );
      const result = await project.invctl(['db', 'restore', file, '--yes'], { env });
      expect(result).toMatchObject({ code: 0 });
      expect(project.fingerprint()).toBe(before);
      await project.invctl(['db', 'restore', '--forget', '--confirm', project.name]);
      expect(project.databases()).toEqual(['shop']);
    },
  );

  it('restores one whose manifest is lost', async () => {
    const file = await take('--format', 'plain');
    rmSync(`${file}.manifest.json`);
    const before = project.fingerprint();
    expect(await project.invctl(['db', 'restore', file, '--yes'], { env: identity })).toMatchObject({
      code: 0,
    });
    expect(project.fingerprint()).toBe(before);
    await project.invctl(['db', 'restore', '--forget', '--confirm', project.name]);
  });

  it('finds a changed byte, whatever the manifest says', async () => {
    const file = await take();
    const bytes = readFileSync(file);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(file, bytes);
    for (const level of ['0', '1']) {
      const result = await project.invctl(['db', 'verify', file, '--level', level, '--json'], {
        env: identity,
      });
      expect(result.code).toBe(8);
    }
    const manifest = JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'));
    writeFileSync(`${file}.manifest.json`, JSON.stringify({ ...manifest, sha256: sha256Of(file) }));
    const result = await project.invctl(['db', 'verify', file, '--json'], { env: identity });
    expect(result.code).toBe(8);
    expect(failure(result)).toMatchObject({ code: 'BACKUP_UNREADABLE' });
    expect(failure(result).message).toContain('does not decrypt');
  });

  it('takes none that it could not prove as far as it was asked to', async () => {
    const result = await project.invctl(['db', 'backup', '--level', '2', '--json']);
    expect(result.code).toBe(1);
    expect(failure(result)).toMatchObject({ code: 'IDENTITY_NEEDED' });
    expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
  });

  it.each([true, false])(
    'leaves nothing where the disk fills up half-way (encrypted: %s)',
    async (encrypted) => {
      const disk = join(project.directory, 'disk');
      if (!mountSmallDisk(disk, '32k')) return;
      try {
        settings(encrypted ? { folder: 'disk' } : { folder: 'disk', encryptTo: undefined });
        // An earlier backup that lets the next one look small.
        const earlier = JSON.parse(readFileSync(`${await take('-o', 'earlier')}.manifest.json`, 'utf8'));
        writeFileSync(join(disk, 'earlier'), '');
        writeFileSync(join(disk, 'earlier.manifest.json'), JSON.stringify({ ...earlier, bytes: 1 }));
        const result = await project.invctl(['db', 'backup', '--json']);
        expect(result.code).toBe(1);
        expect(failure(result)).toMatchObject({ code: 'DISK_FULL' });
        expect(result.stderr).not.toContain('bug');
        expect(readdirSync(disk).sort()).toEqual(['earlier', 'earlier.manifest.json']);
        expect(project.invctlSessions()).toBe('');
      } finally {
        unmount(disk);
        for (const name of ['earlier', 'earlier.manifest.json', 'disk']) {
          rmSync(join(project.directory, name), { recursive: true, force: true });
        }
      }
    },
  );

  it('encrypts what goes into a pipe as well', async () => {
    const { status, stdout } = spawnSync(process.execPath, [bin, 'db', 'backup', '-o', '-'], {
      cwd: project.directory,
      maxBuffer: 64 * 1024 * 1024,
    });
    expect(status).toBe(0);
    expect(stdout.subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    const file = join(project.directory, 'piped.age');
    writeFileSync(file, stdout);
    expect(await project.invctl(['db', 'verify', file, '--level', '2'], { env: identity })).toMatchObject({
      code: 0,
    });
    rmSync(file);
  });

  it.each([
    ['age1qqqq', 'backup.encryptTo.0: not an age recipient'],
    ['AGE-SECRET-KEY-1QQQQ', 'backup.encryptTo.0: this is a private key'],
  ])('refuses the recipient %s', async (wrong, message) => {
    settings({ encryptTo: [wrong] });
    const result = await project.invctl(['db', 'backup', '--json']);
    expect(result.code).toBe(4);
    expect(failure(result).message).toContain(message);
    expect(result.stdout).not.toContain('AGE-SECRET');
  });
});
