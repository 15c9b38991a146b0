import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../../support/docker.js';
import { type DatabaseProject, seedShop, startDatabaseProject } from './fixture.js';
import { buildImage } from './image.js';

/** What an Alpine image has: BusyBox's programs and shell in place of GNU's, and a bash for its entrypoint alone. */
const BUSYBOX = `FROM postgres:17
RUN apt-get update -q && apt-get install -qy --no-install-recommends busybox && rm -rf /var/lib/apt/lists/*
RUN mkdir /bb && /bin/busybox --install -s /bb && cp /usr/bin/bash /usr/bin/setpriv /usr/local/bin/ && ln -sf /bb/ash /bin/sh
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/bb
`;

describe.skipIf(withoutDocker)(
  'a server that is read-only but for its data folder, and has BusyBox alone',
  () => {
    let project: DatabaseProject;
    let image: ReturnType<typeof buildImage>;
    let seeded: string;

    beforeAll(() => {
      image = buildImage('busybox', BUSYBOX);
      project = startDatabaseProject('odd', {
        image: image.name,
        mount: './data:/var/lib/postgresql/data',
        environment:
          'PGDATA: /var/lib/postgresql/data/pg/main, POSTGRES_INITDB_ARGS: "--locale-provider=icu --icu-locale=en"',
        more: '    read_only: true\n    tmpfs: ["/run/postgresql:uid=999,gid=999,mode=2775"]',
      });
      seedShop(project, 200);
      seeded = project.fingerprint();
    });

    afterAll(() => {
      project?.remove();
      image?.remove();
    });

    const inContainer = (...command: string[]) =>
      execFileSync('docker', ['exec', `${project.name}-db-1`, ...command], { encoding: 'utf8' });

    it('is backed up, proved, restored and taken back, in a subfolder of a folder of this machine', async () => {
      expect(inContainer('sh', '-c', 'ls -l /proc/$$/exe')).toContain('busybox');
      const { file, level } = await project.succeed(['db', 'backup', '--level', '3']);
      expect(level).toBe(3);
      project.sql('DELETE FROM movements');
      const live = project.fingerprint();
      await project.succeed(['db', 'restore', file, '--yes']);
      expect(project.fingerprint()).toBe(seeded);
      await project.succeed(['db', 'restore', '--undo', '--yes']);
      expect(project.fingerprint()).toBe(live);
      await project.succeed(['db', 'restore', '--undo', '--yes']);
      await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
      expect(project.databases()).toEqual(['shop']);
    });

    it('is no less so when its collations have another version than once', async () => {
      project.sql(`UPDATE pg_database SET datcollversion = '1.0'`);
      const { file } = await project.succeed(['db', 'backup', '--level', '3']);
      await project.succeed(['db', 'restore', file, '--yes']);
      expect(project.fingerprint()).toBe(seeded);
      await project.succeed(['db', 'restore', '--forget', '--confirm', project.name]);
    });

    it('is not upgraded, since the folder would be edited by hand', async () => {
      const { code, stdout } = await project.invctl(['db', 'upgrade', '--to', '18', '--yes', '--json']);
      expect(JSON.parse(stdout).error).toMatchObject({
        code: 'COMPOSE_NOT_EDITABLE',
        message: expect.stringContaining('a folder of this machine'),
      });
      expect(code).toBe(1);
    });

    it('a replica is backed up, and says why it takes nothing else', async () => {
      inContainer('sh', '-c', 'touch "$PGDATA/standby.signal"');
      execFileSync('docker', ['compose', 'restart', 'db'], { cwd: project.directory, stdio: 'ignore' });
      execFileSync('docker', ['compose', 'up', '--detach', '--wait'], {
        cwd: project.directory,
        stdio: 'ignore',
      });
      expect(project.sql('SELECT pg_is_in_recovery()')).toBe('t');
      const { file } = await project.succeed(['db', 'backup']);
      for (const command of [
        ['db', 'verify', file, '--level', '2'],
        ['db', 'restore', file, '--yes'],
        ['db', 'upgrade', '--to', '18', '--yes'],
      ]) {
        const { stdout } = await project.invctl([...command, '--json']);
        expect(JSON.parse(stdout).error, stdout).toMatchObject({
          code: 'SERVER_READ_ONLY',
          hint: expect.stringContaining('primary'),
        });
      }
      expect(project.fingerprint()).toBe(seeded);
    });
  },
);

describe.skipIf(withoutDocker)('a server in LATIN1', () => {
  let project: DatabaseProject;

  beforeAll(() => {
    project = startDatabaseProject('latin1', {
      database: 'Bücher',
      environment: 'POSTGRES_INITDB_ARGS: "--encoding=LATIN1 --locale=C"',
    });
  });

  afterAll(() => project?.remove());

  it('says before it loads anything why no backup is put in the place of its Bücher, and what to type', async () => {
    project.sql('CREATE TABLE notes AS SELECT 1 AS id', 'Bücher');
    const { file } = await project.succeed(['db', 'backup', '--level', '3']);
    const { stdout } = await project.invctl(['db', 'restore', file, '--yes', '--json']);
    const { error } = JSON.parse(stdout);
    expect(error.code).toBe('DATABASE_NAME_ENCODING');
    const [, name = '', encoding = '', statement = ''] =
      /invctl exec db -- env (\w+)=(\w+) psql -U owner -d template1 -c '([^']+)'/.exec(error.hint) ?? [];
    execFileSync('docker', [
      ...['exec', '--env', `${name}=${encoding}`, `${project.name}-db-1`],
      ...['psql', '-U', 'owner', '-d', 'template1', '-c', statement],
    ]);
    expect(project.databases()).toEqual(['new_name']);
    const compose = join(project.directory, 'compose.yaml');
    writeFileSync(compose, readFileSync(compose, 'utf8').replace('Bücher', 'new_name'));
    await project.succeed(['up']);
    project.sql('DELETE FROM notes', 'new_name');
    await project.succeed(['db', 'restore', file, '--yes']);
    expect(project.sql('SELECT count(*) FROM notes', 'new_name')).toBe('1');
  });
});
