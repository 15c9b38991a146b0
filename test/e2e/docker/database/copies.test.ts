import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { type SwiftServer, startSwift, withoutSwift } from '../../../support/swift.js';
import { type DatabaseProject, seedShop, sha256Of, startDatabaseProject } from './fixture.js';

describe.skipIf(withoutDocker)('backups with a copy away, on Docker', () => {
  let project: DatabaseProject;
  let folder: string;
  let away: string;

  beforeAll(() => {
    project = startDatabaseProject('copies');
    folder = join(project.directory, 'backups');
    seedShop(project, 1000);
  });

  afterAll(() => project?.remove());

  function settings(backup: Record<string, unknown>): void {
    writeFileSync(join(project.directory, 'invctl.yaml'), JSON.stringify({ backup }));
  }

  describe('in a folder', () => {
    beforeAll(() => {
      away = mkdtempSync(join(tmpdir(), 'invctl away '));
      settings({ copyTo: away });
    });

    afterAll(() => rmSync(away, { recursive: true, force: true }));
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    it('are restored by name when the disk of the originals is gone', async () => {
      const taken = await project.invctl(['db', 'backup', '--json']);
      expect(taken).toMatchObject({ code: 0 });
      const { file, copy, manifest } = JSON.parse(taken.stdout).data;
      expect(copy).toBe(join(away, basename(file)));
      expect(sha256Of(copy)).toBe(manifest.sha256);
      const before = project.fingerprint();
      project.sql('DELETE FROM movements');
      rmSync(folder, { recursive: true });
      const restored = await project.invctl(['db', 'restore', basename(file), '--yes', '--json']);
      expect(restored).toMatchObject({ code: 0 });
      expect(JSON.parse(restored.stdout).data.from).toBe(file);
      expect(project.fingerprint()).toBe(before);
      expect(sha256Of(file)).toBe(manifest.sha256);
      await project.invctl(['db', 'restore', '--forget', '--confirm', project.name]);
    });

    it('are refused when they have changed, and nothing of them stays', async () => {
      const { file, copy } = JSON.parse((await project.invctl(['db', 'backup', '--json'])).stdout).data;
      rmSync(folder, { recursive: true });
      const bytes = readFileSync(copy);
      bytes[1000] = (bytes[1000] as number) ^ 1;
      writeFileSync(copy, bytes);
      const result = await project.invctl(['db', 'verify', basename(file), '--json']);
      expect(result.code).toBe(8);
      expect(JSON.parse(result.stdout).error).toMatchObject({ code: 'BACKUP_UNREADABLE' });
      expect(readdirSync(folder)).toEqual([]);
    });

    it('leave a whole backup here when they fail, and the way to catch up', async () => {
      const absent = join(project.directory, 'unmounted');
      settings({ copyTo: absent });
      const failed = await project.invctl(['db', 'backup', '--json']);
      expect(failed.code).toBe(1);
      const { error } = JSON.parse(failed.stdout);
      expect(error).toMatchObject({ code: 'COPY_FAILED' });
      expect(error.message).toContain('is whole, but not copied');
      const name = /invctl db copy (\S+)$/.exec(error.hint)?.[1] as string;
      expect(await project.invctl(['db', 'verify', name, '--level', '2'])).toMatchObject({ code: 0 });
      const { stderr } = await project.invctl(['db', 'copy', name]);
      expect(stderr).toContain('is its disk mounted?');
      mkdirSync(absent);
      expect(await project.invctl(['db', 'copy', name])).toMatchObject({ code: 0 });
      expect(readdirSync(absent).sort()).toEqual([name, `${name}.manifest.json`]);
      settings({ copyTo: away });
    });
  });

  it('are taken by the line of `db schedule --cron`, in the bare environment that cron gives', async () => {
    const near = join(project.directory, 'near');
    mkdirSync(near);
    settings({ copyTo: near });
    const { stdout } = await project.invctl(['db', 'schedule', '--cron']);
    const line = stdout
      .trimEnd()
      .replace(/^(\S+ ){5}/, '')
      .replaceAll('\\%', '%');
    const env = { HOME: project.directory, SHELL: '/bin/sh', PATH: '/usr/bin:/bin' };
    const { status, stderr } = spawnSync('/bin/sh', ['-c', line], { env, encoding: 'utf8' });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const listed = JSON.parse((await project.invctl(['db', 'list', '--json'])).stdout);
    expect(listed.data.backups).toMatchObject([
      { level: 2, here: true, copy: expect.stringContaining(near) },
    ]);
    rmSync(folder, { recursive: true });
  });

  it('are called too old by status and doctor alike', async () => {
    settings({});
    const { file } = JSON.parse((await project.invctl(['db', 'backup', '--json'])).stdout).data;
    const judge = async () => {
      const status = JSON.parse((await project.invctl(['status', '--json'])).stdout).data.backup.tooOld;
      const doctor = await project.invctl(['doctor', '--production', '--only', 'prod.backups', '--json']);
      const [item] = JSON.parse(doctor.stdout).data.checks;
      const text = (await project.invctl(['status'])).stdout;
      return { status, doctor: item.outcome, text: text.includes('too old') };
    };
    expect(await judge()).toEqual({ status: false, doctor: 'pass', text: false });
    const manifest = JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'));
    const takenAt = new Date(Date.now() - 27 * 3_600_000).toISOString();
    writeFileSync(`${file}.manifest.json`, JSON.stringify({ ...manifest, takenAt }));
    expect(await judge()).toEqual({ status: true, doctor: 'fail', text: true });
    settings({ maxAgeHours: 30 });
    expect(await judge()).toEqual({ status: false, doctor: 'pass', text: false });
    rmSync(folder, { recursive: true });
  });

  describe.skipIf(withoutSwift)('in a bucket', () => {
    let swift: SwiftServer;

    beforeAll(async () => {
      swift = await startSwift();
      Object.assign(process.env, swift.env);
      const client = new S3Client({ endpoint: swift.endpoint, region: 'us-east-1', forcePathStyle: true });
      await client.send(new CreateBucketCommand({ Bucket: 'shop-backups' }));
    });

    afterAll(() => swift?.stop());

    it('go there encrypted, and come back by their address', async () => {
      const key = await generateX25519Identity();
      writeFileSync(join(project.directory, 'key.txt'), key);
      settings({
        encryptTo: [await identityToRecipient(key)],
        identity: 'key.txt',
        copyTo: { bucket: 'shop-backups', prefix: 'daily', endpoint: swift.endpoint },
      });
      const taken = await project.invctl(['db', 'backup', '--json']);
      expect(taken).toMatchObject({ code: 0 });
      const { file, copy } = JSON.parse(taken.stdout).data;
      expect(copy).toBe(`s3://shop-backups/daily/${basename(file)}`);
      rmSync(folder, { recursive: true });
      const before = project.fingerprint();
      project.sql('DELETE FROM movements');
      expect(await project.invctl(['db', 'verify', copy, '--level', '2'])).toMatchObject({ code: 0 });
      expect(existsSync(file)).toBe(true);
      expect(await project.invctl(['db', 'restore', copy, '--yes'])).toMatchObject({ code: 0 });
      expect(project.fingerprint()).toBe(before);
      expect(taken.stdout + taken.stderr).not.toContain('seeded-marker');
    });
  });
});
