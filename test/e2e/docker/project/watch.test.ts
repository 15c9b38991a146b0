import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bin } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { createDockerProject, type DockerProject, docker } from '../../../support/docker-project.js';

const COMPOSE = `name: NAME
services:
  store:
    image: debian:trixie-slim
    command: [sleep, infinity]
    stop_signal: SIGKILL
    environment: { SHELF: "1" }
    healthcheck: { test: ["CMD", "true"], interval: 1s }
  app:
    image: NAME-app
    build: ./app
    stop_signal: SIGKILL
    depends_on: { store: { condition: service_healthy } }
`;

describe.skipIf(withoutDocker)('watch, of a service that waits for another', () => {
  let project: DockerProject;
  let child: ChildProcess;
  const events: { event: string }[] = [];
  let wake = () => {};
  let seen = 0;
  const counted = (kind: string) => events.filter(({ event }) => event === kind).length;
  const until = async (kind: string, count: number) => {
    while (counted(kind) < count) {
      expect(child.exitCode, JSON.stringify(events)).toBeNull();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  /** Until the edit is served, however many rounds the files came in. */
  const servedAs = async (expected: string) => {
    do await until('served', ++seen);
    while ((await text()) !== expected);
  };
  const text = () => docker('exec', `${project.name}-app-1`, 'cat', '/app/text');
  const container = (service: string) =>
    docker('inspect', '--format', '{{.Id}}', `${project.name}-${service}-1`);

  beforeAll(async () => {
    project = await createDockerProject(COMPOSE);
    await mkdir(join(project.folder, 'app'));
    await project.write(
      'app/Dockerfile',
      [
        'ARG INVCTL_CHECKS=before',
        'FROM debian:trixie-slim AS checked-after',
        'COPY text /app/text',
        'FROM checked-after AS checked-before',
        'RUN ! grep unwanted /app/text',
        'FROM checked-$INVCTL_CHECKS AS checked',
        'FROM debian:trixie-slim',
        'COPY --from=checked /app/text /app/text',
        'CMD ["sleep", "infinity"]',
      ].join('\n'),
    );
    await project.write('app/text', 'one');
    child = spawn(process.execPath, [bin, '--engine', 'docker', '--json', 'watch'], {
      cwd: project.folder,
      env: { ...process.env, INVCTL_STATE_DIR: `${project.folder}-state` },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.once('close', () => wake());
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      events.push(JSON.parse(line) as { event: string });
      wake();
    });
    await until('served', ++seen);
  });
  afterAll(async () => {
    child?.kill('SIGINT');
    await project?.remove();
  });

  it('replaces what was built again, and asks nothing of what it depends on', async () => {
    const before = await container('store');
    await project.write('app/text', 'two');
    await servedAs('two');
    expect(await container('store')).toBe(before);
  });

  it('brings up everything where the compose file says another thing now', async () => {
    const [store, app] = [await container('store'), await container('app')];
    await project.write('compose.yaml', COMPOSE.replaceAll('NAME', project.name).replace('"1"', '"2"'));
    await project.write('app/text', 'three');
    await servedAs('three');
    expect(await container('store')).not.toBe(store);
    expect(await container('app')).not.toBe(app);
  });

  it('serves first what the Dockerfile checks later, and `up` builds only what passes', async () => {
    const upNow = () => project.json(['up']);
    const failed = counted('not-checked');
    await project.write('app/text', 'unwanted');
    await servedAs('unwanted');
    await until('not-checked', failed + 1);
    const { code, document } = await upNow();
    expect(code).not.toBe(0);
    expect(document.error).toMatchObject({ code: 'BUILD_FAILED' });
    expect(await text()).toBe('unwanted');
    const passed = counted('checked');
    await project.write('app/text', 'wanted');
    await servedAs('wanted');
    await until('checked', passed + 1);
    const image = () => docker('inspect', '--format', '{{.Image}}', `${project.name}-app-1`);
    const before = await image();
    expect((await upNow()).document.data).toMatchObject({ outdated: [] });
    expect(await image()).toBe(before);
  });

  it('brings up again what ended meanwhile', async () => {
    await docker('kill', `${project.name}-store-1`);
    await project.write('app/text', 'four');
    await servedAs('four');
    expect(await docker('inspect', '--format', '{{.State.Running}}', `${project.name}-store-1`)).toBe('true');
  });
});
