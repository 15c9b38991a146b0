import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../support/docker.js';
import {
  createDockerProject,
  type DockerProject,
  docker,
  freePort,
  leftovers,
  removeProject,
} from '../../support/docker-project.js';

const COMPOSE = `
name: NAME
services:
  db:
    image: postgres:16
    environment: { POSTGRES_DB: shop, POSTGRES_PASSWORD_FILE: /run/secrets/db_password }
    secrets: [db_password]
    volumes: [pgdata:/var/lib/postgresql/data]
    ports: ["127.0.0.1:\${PUBLISHED:-PORT}:5432"]
    healthcheck:
      test: [CMD, pg_isready, -q, -h, 127.0.0.1, -U, postgres]
      start_period: 1m
      start_interval: 250ms
volumes:
  pgdata: {}
secrets:
  db_password: { file: "./secrets/\${STAGE:-dev}.txt" }
`;
const SETTINGS = `
environments:
  staging: { envFile: .env.staging }
  production: { envFile: .env.production, protected: true }
  elsewhere: { context: no-such-context }
`;

/** Two environments of one project, on one engine at the same time. */
describe.skipIf(withoutDocker)('environments side by side', () => {
  let project: DockerProject & { port: number };
  const name = (environment: string) => `${project.name}-${environment}`;
  const on = (environment: string, ...args: string[]) =>
    project.invctl(['--environment', environment, ...args]);
  const json = (environment: string, ...args: string[]) =>
    project.json(['--environment', environment, ...args]);
  const count = async (environment: string) =>
    (await on(environment, 'db', 'psql', '--', '-Atc', 'SELECT count(*) FROM sold')).stdout.trim();

  beforeAll(async () => {
    project = await createDockerProject(COMPOSE);
    await mkdir(join(project.folder, 'secrets'));
    await project.write('invctl.yaml', SETTINGS);
    for (const stage of ['staging', 'production']) {
      await project.write(`.env.${stage}`, `STAGE=${stage}\nPUBLISHED=${await freePort()}\n`);
      await project.write(`secrets/${stage}.txt`, `${stage}-pass-word-0123456789`);
    }
    for (const stage of ['staging', 'production']) {
      const { code, stderr } = await on(stage, 'up');
      expect([code, stderr]).toEqual([0, expect.anything()]);
    }
    await project.write('three.sql', 'CREATE TABLE sold AS SELECT generate_series(1, 3) AS id;');
    await project.write('one.sql', 'CREATE TABLE sold AS SELECT 1 AS id;');
    expect((await on('production', 'db', 'exec', 'three.sql')).code).toBe(0);
    expect((await on('staging', 'db', 'exec', 'one.sql')).code).toBe(0);
  });
  afterAll(async () => {
    for (const stage of ['staging', 'production']) await removeProject(name(stage));
    await project.remove();
    for (const stage of ['staging', 'production']) expect(await leftovers(name(stage))).toEqual([]);
  });

  it('share no container, port, volume, network or secret', async () => {
    const both = await Promise.all(
      ['staging', 'production'].map(async (environment) => {
        const rows = (await json(environment, 'ps')).document.data;
        const volumes = (await json(environment, 'volume', 'ls')).document.data.volumes;
        const networks = (await json(environment, 'network', 'ls')).document.data.networks;
        const inspected = JSON.parse(await docker('inspect', `${name(environment)}-db-1`));
        return {
          project: [rows.project],
          ports: rows.services[0].ports,
          volumes: volumes.map((volume: { name: string }) => volume.name),
          networks: networks.map((network: { name: string }) => network.name),
          secrets: inspected[0].Mounts.filter(({ Type }: { Type: string }) => Type === 'bind').map(
            ({ Source }: { Source: string }) => Source,
          ),
        };
      }),
    );
    const [staging, production] = both as Record<string, string[]>[];
    for (const [kind, names] of Object.entries(staging ?? {})) {
      expect(names.length, kind).toBe(1);
      expect(names, kind).not.toEqual(production?.[kind]);
    }
    expect((await json('staging', 'env', 'diff', 'staging', 'production')).document.data.shared).toEqual([]);
  });

  it('are named by ps, status and every document', async () => {
    expect((await on('production', 'ps')).stdout).toContain(
      `environment production (project ${name('production')}, protected)`,
    );
    expect((await on('staging', 'status')).stdout).toContain(
      `environment staging (project ${name('staging')})`,
    );
    expect((await json('staging', 'ps')).document).toMatchObject({ environment: 'staging' });
    expect((await project.invctl(['ps'])).stdout).toBe(
      `${project.name} is not up; start it with: invctl up\n`,
    );
  });

  it('say what to type next for themselves', async () => {
    const { stdout } = await on('staging', 'db', 'list');
    expect(stdout).toBe('no backups; take one with: invctl --environment staging db backup\n');
  });

  it('do not hold one another: the lock and the journal are of one', async () => {
    const folder = join(project.folder, '.invctl', 'environments', 'staging', 'journal');
    await mkdir(folder, { recursive: true });
    const entry = {
      id: 'x',
      operation: 'db restore',
      step: 'load',
      since: '2026',
      harmless: false,
      state: {},
    };
    await project.write('.invctl/environments/staging/journal/x.json', JSON.stringify(entry));
    try {
      expect((await on('staging', 'restart')).stderr).toMatch(/invctl --environment staging recover/);
      expect((await on('production', 'restart')).code).toBe(0);
    } finally {
      await rm(join(project.folder, '.invctl', 'environments', 'staging'), { recursive: true });
    }
  });

  it('keep their backups apart, and one is restored into another on its name alone', async () => {
    expect((await on('production', 'db', 'backup')).code).toBe(0);
    const folder = join(project.folder, 'backups');
    expect(await readdir(folder)).toEqual(['production']);
    const [file = ''] = (await readdir(join(folder, 'production'))).filter((one) => one.endsWith('.dump'));
    const path = join('backups', 'production', file);
    expect((await on('staging', '--yes', 'db', 'restore', file)).stderr).toMatch(/there is no file/);

    const refused = await on('staging', '--yes', 'db', 'restore', path);
    expect(refused.code).toBe(7);
    expect(refused.stderr).toContain(
      `staging: this replaces the data of ${name('staging')} with that of another project, ${name('production')}`,
    );
    expect(await count('staging')).toBe('1');
    expect((await on('staging', 'db', 'restore', path, '--confirm', name('staging'))).code).toBe(0);
    expect(await count('staging')).toBe('3');
    expect((await on('staging', '--yes', 'db', 'restore', '--undo')).code).toBe(0);
    expect(await count('staging')).toBe('1');
  });

  it('protected, refuse with --yes what loses or replaces data, and with the name of another', async () => {
    const losses = [
      ['down', '--volumes'],
      ['volume', 'rm', 'pgdata'],
      ['db', 'restore', '--undo'],
      ['db', 'restore', 'any.dump'],
      ['compose', '--', 'down', '--volumes'],
      ['compose', '--', 'down', '-t5', '-v'],
    ];
    for (const words of losses) {
      for (const more of [[], ['--confirm', name('staging')]]) {
        const { code, stderr } = await on('production', '--yes', ...withFlags(words, more));
        expect([words, code, stderr]).toEqual([
          words,
          7,
          expect.stringContaining(`--confirm ${name('production')}`),
        ]);
      }
    }
    expect(await count('production')).toBe('3');
  });

  it('protected, are lost to whoever names them; the other one stays', async () => {
    const { code } = await on('production', 'down', '--volumes', '--confirm', name('production'));
    expect(code).toBe(0);
    expect(await leftovers(name('production'))).toEqual([]);
    expect(await count('staging')).toBe('1');
  });

  it('refuse a port that another has, and say which', async () => {
    const { document } = await json('staging', 'ps');
    const port = /:(\d+)->/.exec(document.data.services[0].ports[0])?.[1];
    await project.write('.env.production', `STAGE=production\nPUBLISHED=${port}\n`);
    const refused = await json('production', 'up');
    expect(refused.code).toBe(1);
    expect(refused.document.error).toMatchObject({ code: 'PORT_IN_USE' });
    expect(refused.document.error.message).toContain(name('staging'));
    expect(existsSync(join(project.folder, '.invctl', 'environments', 'production', 'project.lock'))).toBe(
      false,
    );
  });

  it('on a context that does not exist, say so with exit code 3', async () => {
    const { code, stderr } = await on('elsewhere', 'ps');
    expect(code).toBe(3);
    expect(stderr).toContain('the docker context "no-such-context" does not exist');
    expect(stderr).toContain('docker context ls');
    const embedded = await project.invctl(['--engine', 'embedded', '--environment', 'elsewhere', 'ps']);
    expect(embedded.code).toBe(2);
  });
});

/** Flags before `--`. */
function withFlags(words: readonly string[], flags: readonly string[]): string[] {
  const dashes = words.indexOf('--');
  return dashes < 0 ? [...words, ...flags] : [...words.slice(0, dashes), ...flags, ...words.slice(dashes)];
}
