import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadTemplate } from '../../../../src/template/manifest.js';
import { DEFAULT_OPTIONS, POSTGRES_MAJORS, parseOption } from '../../../../src/template/options.js';
import { renderScaffold } from '../../../../src/template/scaffold.js';
import { invctl, scriptEnvironment } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { docker, freePort, leftovers, removeProject } from '../../../support/docker-project.js';
import { faultSteps } from '../../../support/fault-counts.js';
import { expectPage } from '../../../support/page.js';

const run = promisify(execFile);

let root: string;
let folder: string;
let name: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'invctl-template-')));
  folder = join(root, 'a läden');
  name = `invctl-template-${randomBytes(4).toString('hex')}`;
});
afterEach(async () => {
  await removeProject(name);
  expect(await leftovers(name)).toEqual([]);
  await rm(root, { recursive: true });
});

async function compose(...args: string[]): Promise<string> {
  return (await run('docker', ['compose', ...args], { cwd: folder, env: scriptEnvironment() })).stdout;
}

async function scaffold(...options: string[]): Promise<void> {
  const result = await invctl(['init', folder, '--name', name, ...options], { cwd: root });
  // Something else on this machine may have the stack's usual port.
  const said = result.stderr.replace(/^warning: port 5003 is in use by .*\n/, '');
  expect([result.code, said]).toEqual([0, '']);
}

/** A statement as the stack's own user, in the server's container. */
async function sql(statement: string): Promise<string> {
  return (await compose('exec', '-T', 'db', 'psql', '-U', 'keeper', '-d', 'stock', '-Atc', statement)).trim();
}

async function inspect(service: string) {
  return JSON.parse(await docker('inspect', `${name}-${service}-1`))[0];
}

describe.skipIf(withoutDocker)('Compose takes the file', () => {
  const names = ['0', 'null', 'on', '1e3', 'a_b-c__d--e', 'x'.repeat(63)];

  it.each([
    ...POSTGRES_MAJORS.map((postgres) => ({ ...DEFAULT_OPTIONS, name: 'shop', postgres })),
    ...names.map((odd) => ({ ...DEFAULT_OPTIONS, name: parseOption('name', odd) })),
    { ...DEFAULT_OPTIONS, name: 'shop', dbName: 'null', dbUser: '_1', port: 1 },
  ])('for $name, PostgreSQL $postgres, database $dbName', async (options) => {
    const files = await renderScaffold(await loadTemplate(), options);
    const file = files.find(({ path }) => path === 'compose.yaml');
    if (file?.policy !== 'owned') throw new Error('the template has no compose.yaml');
    await writeFile(join(root, 'compose.yaml'), file.content);
    await mkdir(join(root, 'stack'));
    await writeFile(join(root, 'stack/.env'), '');
    const { stdout, stderr } = await run('docker', ['compose', 'config', '--format', 'json'], {
      cwd: root,
      env: scriptEnvironment(),
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      name: options.name,
      services: {
        db: {
          image: `postgres:${options.postgres}`,
          environment: { POSTGRES_DB: options.dbName, POSTGRES_USER: options.dbUser },
        },
        api: {
          image: `${options.name}-api`,
          ports: [{ host_ip: '127.0.0.1', published: `${options.port}` }],
        },
      },
    });
  });
});

describe.skipIf(withoutDocker)('the stack', () => {
  it('comes up healthy from an empty folder, as hard as it says', async () => {
    const port = await freePort();
    await scaffold('--port', String(port));
    // Settings for work without containers, which have no say in the stack.
    await appendFile(
      join(folder, 'stack/.env'),
      'HOST=127.0.0.1\nPORT=6000\nDATABASE_HOST=localhost\nDATABASE_PORT=5433\n',
    );
    await compose('up', '--detach', '--build', '--wait', '--wait-timeout', '240');

    const api = await inspect('api');
    expect(api.HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      CapAdd: null,
      SecurityOpt: ['no-new-privileges:true'],
      Privileged: false,
      Init: true,
      Tmpfs: { '/tmp': '' },
      NanoCpus: 1_000_000_000,
      Memory: 512 * 1024 ** 2,
      PidsLimit: 128,
      PortBindings: { '5003/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] },
      RestartPolicy: { Name: 'unless-stopped' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '5' } },
    });
    expect(api.Config).toMatchObject({ User: '1000:1000', StopTimeout: 15 });
    expect(Object.keys(api.NetworkSettings.Networks).sort()).toEqual([`${name}_backend`, `${name}_frontend`]);

    const db = await inspect('db');
    expect(db.HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      CapAdd: null,
      SecurityOpt: ['no-new-privileges:true'],
      Privileged: false,
      NanoCpus: 1_000_000_000,
      Memory: 1024 ** 3,
      PidsLimit: 256,
      ShmSize: 128 * 1024 ** 2,
      PortBindings: {},
    });
    expect(Object.keys(db.NetworkSettings.Networks)).toEqual([`${name}_backend`]);
    expect(await docker('network', 'inspect', '--format', '{{.Internal}}', `${name}_backend`)).toBe('true');
    expect(await compose('exec', '-T', 'db', 'grep', 'CapEff', '/proc/1/status')).toMatch(/CapEff:\s+0+\n/);

    for (const [container, secrets] of [
      [api, ['db_password', 'admin_password']],
      [db, ['db_password']],
    ] as const) {
      const env = JSON.stringify(container.Config.Env);
      for (const secret of secrets) {
        expect(env).not.toContain(await readFile(join(folder, `secrets/${secret}.txt`), 'utf8'));
      }
    }

    const response = await fetch(`http://127.0.0.1:${port}/api/v1/auth/login`, {
      method: 'POST',
      signal: AbortSignal.timeout(10_000),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        username: 'admin',
        password: await readFile(join(folder, 'secrets/admin_password.txt'), 'utf8'),
      }),
    });
    expect(response.status).toBe(200);
    await expectPage(`http://127.0.0.1:${port}/`);
  });

  it.each(faultSteps([17], [16]))(
    'keeps its data on PostgreSQL %i, without a capability, in a renamed folder',
    async (major) => {
      await scaffold('--postgres', String(major), '--db-name', 'stock', '--db-user', 'keeper');
      await compose('up', '--detach', '--wait', 'db');
      expect(await sql('SHOW server_version_num')).toMatch(new RegExp(`^${major}`));
      await sql('CREATE TABLE kept AS SELECT 42 AS answer');
      await compose('down');
      await rename(folder, join(root, 'renamed'));
      folder = join(root, 'renamed');
      await compose('up', '--detach', '--wait', 'db');
      expect(await sql('SELECT answer FROM kept')).toBe('42');
    },
  );

  it.each(faultSteps([], [16, 17]))(
    'takes over a volume that the unhardened image made, on PostgreSQL %i',
    async (major) => {
      await scaffold('--postgres', String(major), '--db-name', 'stock', '--db-user', 'keeper');
      const file = join(folder, 'compose.yaml');
      const hardened = await readFile(file, 'utf8');
      const unhardened = hardened.replace('    user: postgres\n    cap_drop: [ALL]\n', '');
      expect(unhardened).not.toBe(hardened);
      await writeFile(file, unhardened);
      await compose('up', '--detach', '--wait', 'db');
      expect((await inspect('db')).Config.User).toBe('');
      await sql('CREATE TABLE kept AS SELECT 42 AS answer');
      await writeFile(file, hardened);
      await compose('up', '--detach', '--wait', 'db');
      expect((await inspect('db')).Config.User).toBe('postgres');
      expect(await sql('SELECT answer FROM kept')).toBe('42');
    },
  );

  it('is not healthy while the database initialises', async () => {
    await scaffold('--db-name', 'stock', '--db-user', 'keeper');
    const file = join(folder, 'compose.yaml');
    const text = await readFile(file, 'utf8');
    const check: string[] = parse(text).services.db.healthcheck.test.slice(1);
    // Runs while an empty volume is filled, when the server answers on its socket.
    await writeFile(
      join(folder, 'probe.sh'),
      `pg_isready -q -U keeper -d stock && ! ${check.join(' ')} && touch /tmp/refused\n`,
    );
    await writeFile(
      file,
      text.replace(
        '      - pgdata:',
        '      - ./probe.sh:/docker-entrypoint-initdb.d/probe.sh:ro\n      - pgdata:',
      ),
    );
    await compose('up', '--detach', '--wait', 'db');
    expect(await compose('exec', '-T', 'db', 'ls', '/tmp/refused')).toBe('/tmp/refused\n');
  });
});
