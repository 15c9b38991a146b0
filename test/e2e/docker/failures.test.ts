import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bin, scriptEnvironment } from '../../support/cli.js';
import { withoutDocker } from '../../support/docker.js';
import { createDockerProject, type DockerProject, docker } from '../../support/docker-project.js';

type Project = DockerProject & { port: number };

const WEB = `
name: NAME
services:
  web:
    image: node:24-slim
    init: true
    command: [node, -e, "require('http').createServer((_, a) => a.end('ok')).listen(8080)"]
    ports: ["127.0.0.1:PORT:8080"]
`;

const projects: Project[] = [];
async function make(compose: string, suffix?: string): Promise<Project> {
  const project = await createDockerProject(compose, suffix);
  projects.push(project);
  return project;
}

afterEach(async () => {
  for (const project of projects.splice(0)) {
    await project.remove();
    expect(await project.leftovers()).toEqual([]);
  }
});

async function listening(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve));
  return server;
}

describe.skipIf(withoutDocker)('before anything is started', () => {
  it('names the process that holds the port, and the next free one', async () => {
    const project = await make(WEB);
    const server = await listening(project.port);
    try {
      const { code, document } = await project.json(['up']);
      expect(code).toBe(1);
      expect(document.error).toMatchObject({ code: 'PORT_IN_USE', port: project.port, pid: process.pid });
      expect(document.error.message).toContain(`process ${process.pid}`);
      expect(document.error.hint).toContain(`${project.port} → ${document.error.freePort}`);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    expect(await project.leftovers()).toEqual([]);
    expect((await project.invctl(['up'])).code).toBe(0);
  });

  it('names the container of another project that holds the port', async () => {
    const first = await make(WEB);
    await first.invctl(['up']);
    const second = await make(WEB.replace('PORT', String(first.port)));
    const { code, document } = await second.json(['up']);
    expect(code).toBe(1);
    expect(document.error).toMatchObject({ code: 'PORT_IN_USE', container: `${first.name}-web-1` });
    expect(document.error.message).toContain(`project "${first.name}"`);
  });

  it('names this project itself where it runs on the other engine', async () => {
    const project = await make(WEB);
    await project.invctl(['up']);
    const { document } = await project.json(['doctor', '--engine', 'embedded', '--only', 'port.in-use']);
    expect(document.data.checks[0].findings).toEqual([
      expect.objectContaining({
        message: `port ${project.port} of "web" is held by this project's own "web" on Docker`,
        next: expect.stringMatching(/^invctl --engine docker down\b/),
      }),
    ]);
  });

  it('takes its own stack for no conflict', async () => {
    const project = await make(WEB);
    await project.invctl(['up']);
    expect((await project.invctl(['up', '--build'])).code).toBe(0);
  });

  const SECRET = `${WEB}    secrets: [token]\nsecrets: { token: { file: ./secrets/token.txt } }\n`;
  it.each([
    ['no file', 'SECRET_MISSING', 'invctl doctor --fix', () => Promise.resolve()],
    ['an empty file', 'SECRET_EMPTY', 'invctl doctor --fix', (path: string) => writeFile(path, '\n')],
    [
      'a folder in its place',
      'SECRET_IS_DIRECTORY',
      'rmdir secrets/token.txt',
      (path: string) => mkdir(path),
    ],
  ])('refuses a secret that is %s', async (_, code, hint, breakIt) => {
    const project = await make(SECRET);
    await mkdir(join(project.folder, 'secrets'));
    await breakIt(join(project.folder, 'secrets/token.txt'));
    const result = await project.json(['up']);
    expect(result.code).toBe(4);
    expect(result.document.error).toMatchObject({ code, secret: 'token' });
    expect(result.document.error.hint).toContain(hint);
    expect(await project.leftovers()).toEqual([]);
  });

  it('refuses a missing env file and names it', async () => {
    const project = await make(`${WEB}    env_file: ./settings.env\n`);
    const { code, document } = await project.json(['up']);
    expect(code).toBe(4);
    expect(document.error.message).toContain('settings.env');
    expect(document.error.hint).toBeTruthy();
  });

  it.each([
    ['a tab', 'services:\n\tweb: {}\n', 2],
    ['a duplicate key', 'services:\n  web: { image: a }\n  web: { image: b }\n', 3],
  ])('points at %s in the file', async (_, text, line) => {
    const project = await make(text);
    const { code, document } = await project.json(['up']);
    expect(code).toBe(4);
    expect(document.error).toMatchObject({ file: join(project.folder, 'compose.yaml'), line });
  });

  it('suggests the near name of an unknown service', async () => {
    const project = await make(WEB);
    for (const args of [
      ['up', 'wbe'],
      ['logs', 'wbe'],
      ['exec', 'wbe', '--', 'true'],
      ['restart', 'wbe'],
    ]) {
      const { code, stderr } = await project.invctl(args);
      expect(code).toBe(2);
      expect(stderr).toContain('did you mean web?');
    }
  });

  it('works in a folder with spaces and other letters', async () => {
    const project = await make(WEB, 'ein Ördner 日本 ');
    expect((await project.invctl(['up'])).code).toBe(0);
    expect((await project.json(['ps'])).document.data.services).toMatchObject([
      { name: 'web', state: 'running' },
    ]);
  });
});

describe.skipIf(withoutDocker)('a service that does not get there', () => {
  it('shows its exit code, last lines and the known cause', async () => {
    const project = await make(`
name: NAME
services:
  db: { image: "postgres:16" }
`);
    const { code, stderr, stdout } = await project.invctl(['up']);
    expect(code).toBe(6);
    expect(stdout).toBe('');
    expect(stderr).toContain('"db" ended with exit code 1: the database has no password');
    expect(stderr).toContain('superuser password is not specified');
    expect(stderr).toMatch(/next: +set POSTGRES_PASSWORD_FILE/);
  });

  it('shows what the health check printed', async () => {
    const project = await make(`
name: NAME
services:
  web:
    image: debian:trixie-slim
    init: true
    command: [sleep, "600"]
    healthcheck: { test: [CMD-SHELL, "echo the pipe is cold; false"], interval: 200ms, retries: 2 }
  after:
    image: debian:trixie-slim
    command: ["true"]
    depends_on: { web: { condition: service_healthy } }
`);
    const { code, document } = await project.json(['up']);
    expect(code).toBe(6);
    expect(document.error.code).toBe('NOT_HEALTHY');
    expect(document.error.failed).toMatchObject([
      { service: 'web', reason: 'unhealthy', healthOutput: 'the pipe is cold' },
      { service: 'after', reason: 'dependency' },
    ]);
    expect(document.error.message).not.toContain('"after"');
  });

  it('gives up on one that its restart policy starts again and again', async () => {
    const project = await make(`
name: NAME
services:
  web:
    image: debian:trixie-slim
    command: [sh, -c, "echo no such luck; exit 9"]
    restart: unless-stopped
    healthcheck: { test: ["CMD", "true"], interval: 30s }
`);
    const { code, stderr } = await project.invctl(['up']);
    expect(code).toBe(6);
    expect(stderr).toContain('no such luck');
  });

  it('stops waiting when the time is over', async () => {
    const project = await make(`
name: NAME
services:
  web:
    image: debian:trixie-slim
    init: true
    command: [sleep, "600"]
    healthcheck: { test: ["CMD", "false"], interval: 1s, start_period: 10m, start_interval: 1s }
`);
    const { code, document } = await project.json(['up', '--timeout', '2']);
    expect(code).toBe(6);
    expect(document.error.failed).toMatchObject([{ service: 'web', reason: 'timeout' }]);
    expect((await project.invctl(['up', '--no-wait'])).code).toBe(0);
  });

  it('says why an image was not built', async () => {
    const project = await make('name: NAME\nservices:\n  web: { build: . }\n');
    await project.write('Dockerfile', 'FROM debian:trixie-slim\nRUN echo broken pipe organ >&2 && exit 3\n');
    const { code, document } = await project.json(['build']);
    expect(code).toBe(1);
    expect(document.error.code).toBe('BUILD_FAILED');
    expect(document.error.message).toContain('broken pipe organ');
  });
});

describe.skipIf(withoutDocker)('build', () => {
  it('shows which steps were cached and which were rebuilt, and the size over the base', async () => {
    const project = await make('name: NAME\nservices:\n  web: { build: . }\n');
    await project.write(
      'Dockerfile',
      'FROM debian:trixie-slim AS base\nCOPY a /a\nRUN head -c 1000000 /dev/zero >/zeros\nCOPY b /b\n',
    );
    await project.write('a', '1');
    await project.write('b', `1 ${project.name}`);
    expect((await project.invctl(['build'])).code).toBe(0);
    await project.write('b', `2 ${project.name}`);
    const { document } = await project.json(['build']);
    const [image] = document.data.images;
    const cached = image.steps
      .filter((step: { cached: boolean }) => step.cached)
      .map((step: { name: string }) => step.name);
    expect(cached.sort()).toEqual(['COPY a /a', 'RUN head -c 1000000 /dev/zero >/zeros']);
    expect(image.steps).toContainEqual(expect.objectContaining({ name: 'COPY b /b', cached: false }));
    expect(image.bytes - image.baseBytes).toBeGreaterThan(900_000);
    const again = await project.json(['build', '--no-cache']);
    expect(again.document.data.images[0].steps.every((step: { cached: boolean }) => !step.cached)).toBe(true);
  });
});

describe.skipIf(withoutDocker)('interrupted and crowded', () => {
  const SLOW = `
name: NAME
services:
  db:
    image: postgres:16
    environment: { POSTGRES_PASSWORD: x }
    volumes: [pgdata:/var/lib/postgresql/data]
    healthcheck: { test: ["CMD", "false"], interval: 1s, start_period: 10m }
  web:
    image: debian:trixie-slim
    command: [sleep, "600"]
    depends_on: { db: { condition: service_healthy } }
volumes: { pgdata: {} }
`;

  function startUp(project: Project): {
    child: ChildProcess;
    started: Promise<void>;
    ended: Promise<number | null>;
  } {
    const child = spawn(process.execPath, [bin, '--engine', 'docker', 'up'], {
      cwd: project.folder,
      env: scriptEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const started = new Promise<void>((resolve) => {
      let seen = '';
      child.stderr.on('data', (chunk) => {
        seen += chunk;
        if (/db +starting/.test(seen)) resolve();
      });
    });
    return { child, started, ended: new Promise((resolve) => child.once('close', resolve)) };
  }

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s in the middle of up leaves nothing half-made', async (signal, code) => {
    const project = await make(SLOW);
    const { child, started, ended } = startUp(project);
    await started;
    child.kill(signal);
    expect(await ended).toBe(code);
    expect(await project.leftovers()).toEqual([]);
  });

  it('an interrupted up leaves what ran before, and its data', async () => {
    const project = await make(SLOW);
    await project.invctl(['up', 'db', '--no-wait']);
    await docker('volume', 'inspect', `${project.name}_pgdata`);
    await project.write('compose.override.yaml', 'services: { web: { command: [sleep, "601"] } }\n');
    const child = spawn(process.execPath, [bin, '--engine', 'docker', 'up', '-v'], {
      cwd: project.folder,
      env: scriptEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await new Promise<void>((resolve) => {
      child.stderr.on('data', (chunk) => {
        if (String(chunk).includes('web')) resolve();
      });
    });
    child.kill('SIGINT');
    await new Promise((resolve) => child.once('close', resolve));
    expect((await project.leftovers()).filter((line) => /db|pgdata/.test(line))).toHaveLength(2);
    await rm(join(project.folder, 'compose.override.yaml'));
  });

  it('lets a second up not in, and names the first', async () => {
    const project = await make(SLOW);
    const { child, started, ended } = startUp(project);
    await started;
    const { code, document } = await project.json(['up']);
    expect(code).toBe(9);
    expect(document.error).toMatchObject({ code: 'PROJECT_LOCKED' });
    expect(document.error.message).toContain(`process ${child.pid}`);
    child.kill('SIGINT');
    await ended;
  });

  it('a killed up does not lock the project for ever', async () => {
    const project = await make(WEB);
    await project.invctl(['up']);
    const first = startUp(await make(SLOW));
    await first.started;
    first.child.kill('SIGKILL');
    await first.ended;
    const slow = projects.at(-1) as Project;
    expect((await slow.invctl(['down'])).code).toBe(0);
  });
});
