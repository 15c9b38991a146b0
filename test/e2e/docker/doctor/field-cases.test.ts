import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { DoctorResult } from '../../../../src/services/doctor.js';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { docker, leftovers, removeProject } from '../../../support/docker-project.js';
import { fieldCases, fieldProject } from '../../../support/doctor/field-case.js';
import { type SickProject, writtenProject } from '../../../support/doctor/project.js';

const FROM_FILES = {
  'compose.yaml': `name: NAME
services:
  db:
    image: postgres:16
    environment:
      POSTGRES_USER_FILE: /run/secrets/user
      POSTGRES_DB_FILE: /conf/database
      POSTGRES_PASSWORD_FILE: /run/secrets/pw
    secrets: [user, pw]
    volumes: ["./conf:/conf:ro", "pg:/var/lib/postgresql/data"]
    healthcheck: { test: ["CMD", "pg_isready", "-h", "127.0.0.1"], interval: 30s, start_period: 1m, start_interval: 200ms }
volumes: { pg: {} }
secrets: { user: { file: ./user.txt }, pw: { file: ./pw.txt } }
`,
  'user.txt': 'ann\n',
  'pw.txt': 'k8Fj2-mQ9zLp0-vX7',
  'conf/database': 'orders\n',
};
const made: SickProject[] = [];

async function project(name: string): Promise<SickProject> {
  const one = await fieldProject(name);
  made.push(one);
  return one;
}

const compose = (one: SickProject, ...args: string[]) =>
  docker('compose', '--project-directory', one.folder, ...args);

/** Waits for what a container prints. */
async function printed(container: string, pattern: RegExp): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (pattern.test(await docker('logs', container).catch(() => ''))) return;
    await sleep(100);
  }
  throw new Error(`${container} never printed ${pattern}`);
}

async function ended(container: string): Promise<void> {
  await docker('wait', container);
}

const findingsOf = ({ checks }: DoctorResult, id: string) =>
  checks.find(({ check }) => check.id === id)?.findings ?? [];
const failing = ({ checks, rootCauses }: DoctorResult) =>
  rootCauses.filter((id) => checks.find(({ check }) => check.id === id)?.outcome === 'fail');

describe.skipIf(withoutDocker).concurrent('a project of the field that was started', () => {
  afterAll(async () => {
    for (const one of made) {
      await removeProject(one.name);
      await one.dispose();
      expect(await leftovers(one.name)).toEqual([]);
    }
  });

  it('has a test for each that needs steps', () => {
    expect(
      fieldCases()
        .filter(([, { steps }]) => steps)
        .map(([name]) => name),
    ).toEqual([
      'db-name-later',
      'external-missing',
      'init-sql-error',
      'initdir-perm',
      'major-tag',
      'migrate-fails',
    ]);
  });

  it('db-name-later and a user later: what is absent is named, and what makes it makes it', async () => {
    const one = await project('db-name-later');
    await compose(one, 'up', '--detach', '--wait', 'store');
    expect(failing(await one.doctor())).toEqual([]);

    one.env.DBN = 'orders';
    const absent = await one.doctor();
    expect(failing(absent)).toEqual(['db.database-missing']);
    const [finding] = findingsOf(absent, 'db.database-missing');
    expect(finding).toMatchObject({ service: 'store', line: 8 });
    expect(finding?.message).toContain('it has first');
    const command =
      /invctl exec store -- (createdb -U ann -O ann orders)$/.exec(finding?.next ?? '')?.[1] ?? '';
    const run = await invctl(['exec', 'store', '--', ...command.split(' ')], { cwd: one.folder });
    expect(run.code).toBe(0);
    expect(failing(await one.doctor())).toEqual([]);

    one.edit('compose.yaml', 'POSTGRES_USER: ann', 'POSTGRES_USER: bob');
    const renamed = await one.doctor();
    // Not the password, and no fix that would fail.
    expect(failing(renamed)).toEqual(['db.role-missing']);
    expect(findingsOf(renamed, 'db.role-missing')[0]?.next).toBe(
      'set POSTGRES_USER back to ann, or make the role: invctl exec store -- createuser -U ann --superuser --pwprompt bob',
    );
    expect(findingsOf(renamed, 'db.password-drift')).toEqual([]);
  });

  it('a user and a database out of files: doctor and db read them alike', async () => {
    const one = await writtenProject(FROM_FILES);
    made.push(one);
    await compose(one, 'up', '--detach', '--wait');
    const found = await one.doctor();
    expect(failing(found)).toEqual([]);
    expect(found.checks.find(({ check }) => check.id === 'db.password-drift')?.outcome).toBe('pass');
    const asked = await invctl(['db', 'psql', '--', '-Atc', 'SELECT current_user, current_database()'], {
      cwd: one.folder,
    });
    expect(asked.stdout.trim()).toBe('ann|orders');

    // The file of the user is changed later: no password is wrong.
    one.write('user.txt', 'bob\n');
    expect(failing(await one.doctor())).toEqual(['db.role-missing']);
    const status = await invctl(['db', 'psql', '--', '-c', 'SELECT 1'], { cwd: one.folder });
    expect(status.code).not.toBe(0);
  });

  it('external-missing: doctor and up name them, and up starts nothing', async () => {
    const one = await project('external-missing');
    const found = await one.doctor();
    expect(failing(found)).toEqual(['external.missing']);
    expect(findingsOf(found, 'external.missing').map(({ line }) => line)).toEqual([14, 10]);
    const up = await invctl(['up', '--json', '--no-input'], { cwd: one.folder });
    expect(up.code).toBe(1);
    expect(JSON.parse(up.stdout).error).toMatchObject({ code: 'EXTERNAL_MISSING' });
    expect(await leftovers(one.name)).toEqual([]);
  });

  it.each([
    ['same-container-name-up', 'NAME_CONFLICT', 1],
    ['single-letter-volume', 'MOUNT_PATH_RELATIVE', 4],
    ['secret-empty-path', 'SECRET_IS_DIRECTORY', 4],
  ])('%s: up says it before Compose does, and starts nothing', async (name, code, exit) => {
    const one = await project(name);
    const up = await invctl(['up', '--json', '--no-input'], { cwd: one.folder });
    expect([up.code, JSON.parse(up.stdout).error.code]).toEqual([exit, code]);
    expect(await leftovers(one.name)).toEqual([]);
  });

  it('init-sql-error: the file, the line and what the server said', async () => {
    const one = await project('init-sql-error');
    await compose(one, 'up', '--detach');
    await printed(`${one.name}-db-1`, /Skipping initialization/);
    const [finding] = findingsOf(await one.doctor(), 'db.init-failed');
    expect(finding).toMatchObject({ file: one.path('sql/1.sql'), line: 2, service: 'db' });
    expect(finding?.message).toContain('syntax error at or near "tabel"');
    expect(finding?.next).toContain('invctl db exec sql/1.sql');
  });

  it('initdir-perm: the folder that the server may not read, before and after', async () => {
    const one = await project('initdir-perm');
    one.run('chmod', '0700', 'init');
    const [before] = findingsOf(await one.doctor(), 'vol.permission');
    expect(before).toMatchObject({ file: one.path('init'), service: 'db' });
    expect(before?.next).toContain('chmod 0755 init');
    one.run('chmod', '0755', 'init');
    one.run('chmod', '0600', 'init/1.sql');
    await compose(one, 'up', '--detach');
    await ended(`${one.name}-db-1`);
    expect(failing(await one.doctor())).toEqual(['vol.permission']);
  });

  it('major-tag: the image says its major itself, whatever its tag begins with', async () => {
    const one = await project('major-tag');
    const image = `${one.name}:0.8.2-pg17`;
    await docker('tag', 'postgres:17', image);
    one.afterwards(async () => {
      await docker('image', 'rm', '--force', image);
    });
    one.edit('compose.yaml', 'pgvector/pgvector:0.8.2-pg17', image);
    one.write('invctl.yaml', 'services: {database: db}\n');
    await compose(one, 'up', '--detach', '--wait');
    const found = await one.doctor();
    expect(failing(found)).toEqual([]);
    for (const id of ['db.major', 'db.pg18-path']) expect(findingsOf(found, id)).toEqual([]);
  });

  it('migrate-fails: the job that failed, with its last words, and no database that is not one', async () => {
    const one = await project('migrate-fails');
    // Three tries of a second each are few on a machine that is busy.
    one.edit('compose.yaml', 'interval: 1s', 'interval: 1s\n      retries: 60');
    await compose(one, 'up', '--detach').catch(() => {});
    const found = await one.doctor();
    expect(failing(found)).toEqual(['app.exited']);
    expect(JSON.stringify(findingsOf(found, 'app.exited'))).toContain('nowhere');
    expect(findingsOf(found, 'db.unhealthy')).toEqual([]);
  });
});
