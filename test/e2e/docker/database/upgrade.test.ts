import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { killedAt } from '../../../support/kill-at-step.js';
import { schemaErrors } from '../../../support/schema.js';
import { shimDocker } from './fixture.js';
import { docker, startUpgradeProject, type UpgradeProject } from './upgrade-project.js';

describe.skipIf(withoutDocker)('db upgrade on Docker', () => {
  let project: UpgradeProject;
  let compose: string;

  beforeAll(() => {
    project = startUpgradeProject('upgrade');
    compose = readFileSync(project.composeFile, 'utf8');
  });

  afterAll(() => project?.remove());

  beforeEach(() => project.noteState());

  it('rehearses while the app goes on, and leaves nothing behind', async () => {
    const started = () =>
      docker('inspect', '--format', '{{.Id}} {{.State.StartedAt}}', `${project.name}-app-1`);
    const before = started();
    const result = await project.invctl(['db', 'upgrade', '--to', '17', '--rehearse', '--json']);
    expect(result).toMatchObject({ code: 0 });
    const document = JSON.parse(result.stdout);
    expect(schemaErrors('db-upgrade', document)).toEqual([]);
    expect(document.data).toMatchObject({ rehearsed: true, from: 16, to: 17, smokeTested: 'app' });
    expect(document.data.tables).toContainEqual({ name: 'public.movements', rows: 3000 });
    expect(document.data.diff).toContain('+    image: postgres:17');
    expect(result.stdout + result.stderr).not.toContain('seeded-marker');
    expect(started()).toBe(before);
    expect(existsSync(join(project.directory, 'backups'))).toBe(false);
    project.nothingHasChanged();
  });

  it('asks first', () => project.fails(['--to', '17'], 'CONFIRMATION_NEEDED', 7));

  describe('refuses, before anything is done:', () => {
    it('the major that there is', () => project.fails(['--to', '16', '--yes'], 'SAME_MAJOR', 1));
    it('an older one', () => project.fails(['--to', '15', '--yes'], 'DOWNGRADE', 1));
    it('something else', () => project.fails(['--to', '17.2'], 'USAGE', 2));
    it('an image that is not here, without a word for the pull', () =>
      project.fails(['--to', '99'], 'CONFIRMATION_NEEDED', 7));
    it('an image that nobody has', async () => {
      expect((await project.fails(['--to', '99', '--yes'], 'IMAGE_NOT_PULLED', 1)).message).toContain(
        'postgres:99',
      );
    });

    it('a server with other databases', async () => {
      project.sql('CREATE DATABASE other');
      project.noteState();
      expect((await project.fails(['--to', '17', '--yes'], 'OTHER_DATABASES', 1)).message).toContain('other');
      project.sql('DROP DATABASE other');
    });

    it('a volume that is there already', async () => {
      const name = `${project.name}_pgdata_17`;
      docker('volume', 'create', name);
      try {
        project.noteState();
        expect((await project.fails(['--to', '17', '--yes'], 'VOLUME_EXISTS', 1)).message).toContain(name);
      } finally {
        docker('volume', 'rm', name);
      }
    });

    it('a disk without room', async () => {
      const env = shimDocker(
        project.directory,
        `case " $* " in *"df -Pk"*) echo "/dev/x 100000 99999 1 99% /"; exit;; esac\nexec "$REAL" "$@"`,
      );
      await project.fails(['--to', '17', '--yes'], 'DATABASE_DISK_FULL', 1, env);
    });

    it.each([
      ['an image with a variable', 'image: postgres:16', 'image: postgres:${PG:-16}'],
      [
        'a volume that another service has too',
        '    volumes: ["./flags:/flags:ro"]',
        '    volumes: ["pgdata:/flags:ro"]',
      ],
      ['a volume with a driver', 'volumes: {pgdata: {}}', 'volumes: {pgdata: {driver: local}}'],
    ])('%s', async (_, before, after) => {
      writeFileSync(
        project.composeFile,
        compose.replace(before, () => after),
      );
      try {
        project.noteState();
        await project.fails(['--to', '17', '--yes'], 'COMPOSE_NOT_EDITABLE', 1);
      } finally {
        writeFileSync(project.composeFile, compose);
      }
    });
  });

  it('upgrades: the same content, roles, grants and settings; the old volume stays until it is final', async () => {
    const before = [project.fingerprint(), project.properties()];
    // Killed with the new file in place, it goes on to its end.
    const killed = await project.invctl(['db', 'upgrade', '--to', '17', '--yes'], {
      env: killedAt('up', 'before'),
    });
    expect(killed.code).toBeNull();
    const { recovered } = await project.succeed(['recover']);
    expect(recovered).toMatchObject([{ step: 'switch', outcome: 'finished' }]);
    expect([project.fingerprint(), project.properties()]).toEqual(before);
    expect(project.sql(`SELECT current_setting('server_version_num')::int / 10000`)).toBe('17');
    expect(readFileSync(project.composeFile, 'utf8')).toBe(
      compose
        .replace('image: postgres:16\n', 'image: postgres:17\n')
        .replace('["pgdata:', '["pgdata_17:')
        .replace('{pgdata: {}}', '{pgdata_17: {}}'),
    );
    const [backup] = (await project.succeed(['db', 'list'])).backups;
    expect(backup).toMatchObject({ level: 3, manifest: { server: { major: 16 } } });
    const volumes = () =>
      docker('volume', 'ls', '--quiet', '--filter', `name=${project.name}_`).split('\n').sort();
    expect(volumes()).toEqual([`${project.name}_pgdata`, `${project.name}_pgdata_17`]);

    const asked = await project.invctl(['db', 'upgrade', '--finalize', '--yes', '--json']);
    expect(asked.code).toBe(7);
    expect(volumes()).toHaveLength(2);
    const final = await project.succeed(['db', 'upgrade', '--finalize', '--confirm', project.name]);
    expect(final.removed).toEqual([`${project.name}_pgdata`]);
    expect(existsSync(`${final.backup}.manifest.json`)).toBe(true);
    expect(volumes()).toEqual([`${project.name}_pgdata_17`]);
    expect(existsSync(join(project.directory, '.invctl'))).toBe(false);
    expect(project.fingerprint()).toBe(before[0]);
  });
});
