import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutDocker } from '../../support/docker.js';
import { createDockerProject, type DockerProject, docker } from '../../support/docker-project.js';

const COMPOSE = `
name: NAME
services:
  db:
    image: postgres:16
    environment: { POSTGRES_PASSWORD: not-a-secret, POSTGRES_DB: shop }
    volumes: [pgdata:/var/lib/postgresql/data]
    networks: [backend]
    healthcheck:
      test: [CMD, pg_isready, -q, -h, 127.0.0.1, -U, postgres]
      interval: 10s
      start_period: 1m
      start_interval: 250ms
  web:
    image: node:24-slim
    init: true
    command:
      - node
      - -e
      - |
        const log = (level, msg) => console.log(JSON.stringify({ level, time: Date.now(), msg }));
        log(30, 'listening'); log(50, 'an error to find');
        require('http').createServer((_, answer) => answer.end('ok')).listen(8080);
    environment: { GREETING: hello, API_TOKEN: marker-of-a-secret }
    ports: ["127.0.0.1:PORT:8080"]
    depends_on: { db: { condition: service_healthy } }
    networks: [backend, frontend]
    mem_limit: 256m
  migrate:
    image: debian:trixie-slim
    command: ["true"]
  watcher:
    profiles: [watched]
    image: debian:trixie-slim
    init: true
    command: [sleep, infinity]
networks:
  backend: { internal: true }
  frontend: {}
volumes:
  pgdata: {}
`;

describe.skipIf(withoutDocker)('the life of a project on Docker', () => {
  let project: DockerProject & { port: number };
  beforeAll(async () => {
    project = await createDockerProject(COMPOSE);
  });
  afterAll(async () => {
    await project.remove();
    expect(await project.leftovers()).toEqual([]);
  });

  it('comes up healthy, one line a service and the URL', async () => {
    const { code, stdout, stderr } = await project.invctl(['up']);
    expect(stderr).toMatch(/✓ db +healthy +[\d.]+ m?s/);
    expect(stderr).toMatch(/✓ migrate +completed/);
    expect(stdout).toContain(`http://127.0.0.1:${project.port}`);
    expect(stdout).toMatch(/^web +running/m);
    expect(code).toBe(0);
    const answer = await fetch(`http://127.0.0.1:${project.port}`, { signal: AbortSignal.timeout(10_000) });
    expect(await answer.text()).toBe('ok');
  });

  it('changes nothing at the second up', async () => {
    const before = await docker('inspect', '--format', '{{.State.StartedAt}}', `${project.name}-web-1`);
    const { code, document } = await project.json(['up', 'web']);
    expect(code).toBe(0);
    expect(document.data).toMatchObject({ engine: 'docker', unchanged: ['db', 'web'] });
    expect(await docker('inspect', '--format', '{{.State.StartedAt}}', `${project.name}-web-1`)).toBe(before);
  });

  it('leaves the folder of a project that it did not make as it was', () => {
    expect(existsSync(`${project.folder}/.invctl`)).toBe(false);
  });

  it('lists the services', async () => {
    const { document } = await project.json(['ps']);
    expect(document.data.services).toMatchObject([
      { name: 'db', state: 'running', health: 'healthy', ports: [], restarts: 0 },
      { name: 'migrate', state: 'exited', exitCode: 0 },
      {
        name: 'web',
        state: 'running',
        health: 'none',
        ports: [`127.0.0.1:${project.port}->8080/tcp`],
        url: `http://127.0.0.1:${project.port}`,
      },
    ]);
  });

  it('prints logs raw on a pipe, filtered by level, and as NDJSON', async () => {
    const raw = await project.invctl(['logs', 'web', '--tail', '5']);
    expect(raw.stdout.split('\n')[0]).toMatch(/^\{"level":30,/);
    const errors = await project.invctl(['logs', 'web', '--level', 'error']);
    expect(errors.stdout.trim().split('\n')).toHaveLength(1);
    expect(errors.stdout).toContain('an error to find');
    const lines = (await project.invctl(['logs', '--json'])).stdout.trim().split('\n');
    const services = new Set(lines.map((line) => JSON.parse(line).service));
    expect([...services].sort()).toEqual(['db', 'web']);
    const none = await project.invctl(['logs', 'web', '--since', '2099-01-01T00:00:00Z']);
    expect(none.stdout).toBe('');
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('follows logs until it is told to stop: %s', async (signal, exitCode) => {
    const { code, stdout, stderr } = await project.invctl(['logs', 'web', '--follow'], {
      onSpawn: (child) => child.stdout?.once('data', () => child.kill(signal)),
    });
    expect(stdout).toContain('listening');
    expect(stderr).toBe('');
    expect(code).toBe(exitCode);
  });

  it('begins to follow at the last hundred lines', async () => {
    const say = 'for i in $(seq 250); do echo "line $i" > /proc/1/fd/1; done';
    await project.invctl(['exec', 'web', '--', 'sh', '-c', say]);
    const { stdout } = await project.invctl(['logs', 'web', '--follow'], {
      onSpawn: (child) => {
        let printed = '';
        child.stdout?.on('data', (chunk) => {
          printed += chunk;
          if (printed.includes('line 250')) child.kill('SIGINT');
        });
      },
    });
    expect(stdout.trimEnd().split('\n')).toHaveLength(100);
    const all = await project.invctl(['logs', 'web']);
    expect(all.stdout.trimEnd().split('\n').length).toBeGreaterThan(250);
  });

  it('passes exec and run through: arguments, variables, exit code', async () => {
    const exec = await project.invctl([
      'exec',
      'web',
      '--',
      'sh',
      '-c',
      'echo "$GREETING $0" && exit 42',
      'a b',
    ]);
    expect(exec).toMatchObject({ code: 42, stdout: 'hello a b\n' });
    const run = await project.invctl(
      [
        'run',
        '-e',
        'GREETING=good evening',
        '-e',
        'FROM_SHELL',
        'web',
        '--',
        'sh',
        '-c',
        'echo $GREETING $FROM_SHELL',
      ],
      { env: { FROM_SHELL: 'night' } },
    );
    expect(run).toMatchObject({ code: 0, stdout: 'good evening night\n' });
    expect((await project.invctl(['compose', '--', 'ps', '--quiet', 'web'])).stdout).toMatch(
      /^[0-9a-f]{64}\n$/,
    );
    expect((await project.invctl(['compose', '--', 'no-such-command'])).code).not.toBe(0);
  });

  it('prints the resolved project without a secret', async () => {
    const { stdout } = await project.invctl(['config']);
    expect(stdout).toContain('GREETING: hello');
    expect(stdout).toContain('POSTGRES_DB: shop');
    expect(stdout).not.toContain('marker-of-a-secret');
    expect(stdout).not.toContain('not-a-secret');
    expect((await project.invctl(['inspect', 'web'])).stdout).not.toContain('marker-of-a-secret');
  });

  it('says what Docker knows in the words of the project', async () => {
    const volume = (await project.json(['volume', 'inspect', 'pgdata'])).document.data.volume;
    expect(volume).toMatchObject({
      key: 'pgdata',
      name: `${project.name}_pgdata`,
      services: ['db'],
      unused: false,
    });
    expect(volume.bytes).toBeGreaterThan(1_000_000);
    const network = (await project.json(['network', 'inspect', 'backend'])).document.data.network;
    expect(network).toMatchObject({ internal: true });
    expect(network.attached.map((one: { service: string }) => one.service).sort()).toEqual(['db', 'web']);
    const [web] = (await project.json(['inspect', 'web'])).document.data.instances;
    expect(web).toMatchObject({ image: 'node:24-slim', memoryLimit: 256 * 1024 * 1024 });
  });

  it('restarts, stops, starts and removes single services', async () => {
    const restarted = await project.json(['restart', 'web']);
    expect(restarted.document.data.services).toMatchObject([{ name: 'web', state: 'running' }]);
    expect((await project.json(['stop', 'web'])).document.data.services).toMatchObject([{ state: 'exited' }]);
    expect((await project.json(['start', 'web'])).document.data.services).toMatchObject([
      { state: 'running' },
    ]);
    expect((await project.invctl(['rm', 'web', '--stop'])).code).toBe(7);
    expect((await project.json(['rm', 'web', '--stop', '--yes'])).document.data.services).toEqual([]);
    expect((await project.json(['ps'])).document.data.services).toHaveLength(2);
  });

  it('goes down and keeps the data', async () => {
    await project.invctl([
      'exec',
      'db',
      '--',
      'psql',
      '-U',
      'postgres',
      'shop',
      '-c',
      'create table kept as select 7 as n',
    ]);
    // Also what a profile started that is not on any more.
    await project.invctl(['up', 'watcher', '-q'], { env: { COMPOSE_PROFILES: 'watched' } });
    const { document } = await project.json(['down']);
    expect(document.data).toMatchObject({ removed: ['db', 'migrate', 'watcher'], volumesRemoved: [] });
    expect(await project.leftovers()).toEqual([`volume ${project.name}_pgdata`]);
    expect((await project.invctl(['down'])).stdout).toContain('was not up');
    const logs = await project.invctl(['logs']);
    expect([logs.code, logs.stdout]).toEqual([0, '']);
    expect(logs.stderr).toContain('is not up, and has no logs; start it with: invctl up');
    await project.invctl(['up', 'db', '-q']);
    const { stdout } = await project.invctl([
      'exec',
      'db',
      '--',
      'psql',
      '-U',
      'postgres',
      'shop',
      '-Atc',
      'select n from kept',
    ]);
    expect(stdout).toBe('7\n');
  });

  it('asks before data goes, and takes the word of nobody else', async () => {
    for (const args of [['--volumes'], ['--volumes', '--yes'], ['--volumes', '--confirm', 'other']]) {
      const { code, document } = await project.json(['down', ...args]);
      expect(code).toBe(7);
      expect(document.error).toMatchObject({ code: 'CONFIRMATION_NEEDED' });
      expect(document.error.hint).toContain(`--confirm ${project.name}`);
    }
    expect(await project.leftovers()).toContain(`volume ${project.name}_pgdata`);
    const inUse = await project.json(['volume', 'rm', 'pgdata', '--confirm', project.name, '--no-backup']);
    expect(inUse.document.error.code).toBe('VOLUME_IN_USE');
    // As an upgrade leaves the volume of before.
    const old = `${project.name}_pgdata-15`;
    await docker('volume', 'create', '--label', `com.docker.compose.project=${project.name}`, old);
    const { code, document } = await project.json([
      'down',
      '--volumes',
      '--confirm',
      project.name,
      '--no-backup',
    ]);
    expect(code).toBe(0);
    expect(document.data.volumesRemoved).toEqual([`${project.name}_pgdata`]);
    expect(document.warnings).toEqual([expect.stringContaining(`invctl volume rm ${old}`)]);
    const removed = await project.invctl(['volume', 'rm', old, '--confirm', project.name, '--no-backup']);
    expect(removed).toMatchObject({ code: 0 });
    expect(await project.leftovers()).toEqual([]);
    // The second time there is nothing to ask about.
    const again = await project.invctl(['down', '--volumes']);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain('it has no volumes: there was nothing to remove');
  });
});

describe.skipIf(withoutDocker)('a volume that gets another name', () => {
  it('is told by up, with what keeps its data', async () => {
    const compose = (volume: string, settings = '{}') =>
      `name: NAME\nservices:\n  db:\n    image: debian:trixie-slim\n    init: true\n    command: [sleep, infinity]\n    volumes: [${volume}:/data]\nvolumes: {${volume}: ${settings}}\n`;
    const project = await createDockerProject(compose('data'));
    const write = (...words: Parameters<typeof compose>) =>
      project.write('compose.yaml', compose(...words).replace('NAME', project.name));
    const up = async () => (await project.json(['up'])).document.warnings;
    const mounted = () => docker('inspect', '--format', '{{(index .Mounts 0).Name}}', `${project.name}-db-1`);
    const [data, other] = [`${project.name}_data`, `${project.name}_other`];
    try {
      expect(await up()).toEqual([]);
      await write('other');
      expect(await up()).toEqual([
        expect.stringContaining(`gets ${other} in place of the volume ${data} at /data`),
      ]);
      expect(await up()).toEqual([]);
      // For a name alone some versions of Compose make no container anew: it has its volume still.
      await write('other', `{name: ${data}}`);
      const told = await up();
      expect(told).toHaveLength((await mounted()) === data ? 1 : 0);
    } finally {
      await project.remove();
      await docker('volume', 'rm', '--force', other, data);
    }
  });
});

describe.skipIf(withoutDocker)('two folders with the name of one project', () => {
  it('is told by up, unless the other folder was renamed or is gone', async () => {
    const project = await createDockerProject(
      'name: NAME\nservices:\n  app:\n    image: debian:trixie-slim\n    init: true\n    command: [sleep, infinity]\n',
    );
    const copy = `${project.folder}-copy`;
    const up = async (cwd: string) => (await project.json(['up'], { cwd })).document.warnings;
    try {
      expect(await up(project.folder)).toEqual([]);
      cpSync(project.folder, copy, { recursive: true });
      expect(await up(copy)).toEqual([
        expect.stringMatching(new RegExp(`started from ${project.folder}, .*: ${copy} has the same`)),
      ]);
      renameSync(join(project.folder, 'compose.yaml'), join(project.folder, 'compose.old'));
      expect(await up(copy)).toEqual([]);
    } finally {
      rmSync(copy, { recursive: true, force: true });
      renameSync(join(project.folder, 'compose.old'), join(project.folder, 'compose.yaml'));
      await project.remove();
    }
  });
});
