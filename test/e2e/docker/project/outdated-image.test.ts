import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBuildContext } from '../../../../src/project/build-context.js';
import { withoutDocker } from '../../../support/docker.js';
import { createDockerProject, type DockerProject, docker } from '../../../support/docker-project.js';

const COMPOSE = `name: NAME
services:
  app:
    image: NAME-app
    build: ./app
    stop_signal: SIGKILL
`;

describe.skipIf(withoutDocker)('an image whose source has changed', () => {
  let project: DockerProject;
  const up = async (...args: string[]) => {
    const { code, document } = await project.json(['up', ...args]);
    expect(code, JSON.stringify(document)).toBe(0);
    return document;
  };
  const inContainer = () => docker('exec', `${project.name}-app-1`, 'cat', '/app/text');
  const container = () => docker('inspect', '--format', '{{.Id}}', `${project.name}-app-1`);

  beforeAll(async () => {
    project = await createDockerProject(COMPOSE);
    await mkdir(join(project.folder, 'app'));
    await project.write(
      'app/Dockerfile',
      'FROM debian:trixie-slim\nCOPY text /app/text\nCMD ["sleep", "infinity"]\n',
    );
    await project.write('app/.dockerignore', 'notes\n');
    await project.write('app/text', 'one');
    await up();
  });
  afterAll(() => project?.remove());

  it('is left alone while nothing that enters the build changes', async () => {
    const before = await container();
    await project.write('app/notes', 'ignored');
    await project.write('app/text', 'one');
    const { data } = await up();
    expect(data).toMatchObject({ outdated: [], unchanged: ['app'] });
    expect(await container()).toBe(before);
  });

  it('is left alone where the project is its own build context, and backups are in it', async () => {
    const whole = await createDockerProject(COMPOSE.replace('./app', '.'));
    try {
      await whole.write('Dockerfile', 'FROM debian:trixie-slim\nCOPY . /app\nCMD ["sleep", "infinity"]\n');
      expect((await whole.json(['up'])).code).toBe(0);
      await mkdir(join(whole.folder, 'backups/protection'), { recursive: true });
      await whole.write('backups/protection/segment', 'of the WAL');
      // The lock of the first one is in the folder still while the second one looks.
      const { document } = await whole.json(['up']);
      expect(document.data).toMatchObject({ outdated: [], unchanged: ['app'] });
      await whole.write('backups.txt', 'a source');
      expect((await whole.json(['up'])).document.data.outdated).toMatchObject([{ service: 'app' }]);
    } finally {
      await whole.remove();
      await docker('image', 'rm', '--force', `${whole.name}-app`);
    }
  });

  it('is started as it is with --no-build, with a word', async () => {
    await project.write('app/text', 'two');
    const { data, warnings } = await up('--no-build');
    expect(data.outdated).toEqual([{ service: 'app', file: join(project.folder, 'app/text') }]);
    expect(warnings).toEqual([expect.stringContaining('its source has changed since (app/text)')]);
    expect(await inContainer()).toBe('one');
  });

  it('is built again by `up`, which says so', async () => {
    const { code, stdout, stderr } = await project.invctl(['up']);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('app: built again, its source had changed (app/text)');
    expect(stderr).toContain('its source has changed');
    expect(await inContainer()).toBe('two');
  });

  it('is built again where it was built by hand before the change', async () => {
    await project.write('app/text', 'three');
    await docker('compose', '--project-directory', project.folder, 'build', '--quiet');
    expect((await up()).data.outdated).toEqual([]);
    await project.write('app/.text', 'four');
    await rename(join(project.folder, 'app/.text'), join(project.folder, 'app/text'));
    expect((await up()).data.outdated).toHaveLength(1);
    expect(await inContainer()).toBe('four');
  });

  it('is judged by its time where nothing may be noted, and not built with --no-build where there is none', async () => {
    const env = { INVCTL_STATE_DIR: join(project.folder, 'compose.yaml', 'no folder') };
    const first = await project.json(['up'], { env });
    expect(first.document.data).toMatchObject({ outdated: [], unchanged: ['app'] });
    await project.json(['down']);
    await docker('image', 'rm', `${project.name}-app`);
    const { code, document } = await project.json(['up', '--no-build'], { env });
    expect(code).toBe(1);
    expect(document.error).toMatchObject({
      code: 'IMAGE_MISSING',
      hint: expect.stringContaining('invctl build app'),
    });
  });
});

describe.skipIf(withoutDocker)('what enters a build', () => {
  let folder: string;
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is what BuildKit gets', async () => {
    folder = await mkdtemp(join(tmpdir(), 'tiny-context-'));
    const context = join(folder, 'context');
    const file = async (path: string) => {
      await mkdir(join(context, path, '..'), { recursive: true });
      await writeFile(join(context, path), path);
    };
    for (const path of [
      'Dockerfile',
      'a.md',
      'A.MD',
      'b/c.txt',
      'b/keep/d.txt',
      'b/keep/e.log',
      'node_modules/x/y.js',
      'with space/z',
      'deep/1/2/3.txt',
      'deep/1/secret.key',
      '.env',
      'sub/.env.local',
      '[x]/y',
      'x/y',
    ])
      await file(path);
    await mkdir(join(context, 'empty'));
    await symlink('../outside', join(context, 'link'));
    await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY . /\n');
    await writeFile(
      join(context, '.dockerignore'),
      '# all but some\n**/*.md\r\n**/.env*\nb\n!b/keep\n**/*.log\nnode_modules/\n/deep/**\n!**/3.txt\n./with space\n\\[x\\]\n',
    );
    const out = join(folder, 'out');
    await promisify(execFile)('docker', [
      'buildx',
      'build',
      '--quiet',
      '--output',
      `type=local,dest=${out}`,
      context,
    ]);
    const found = await readdir(out, { recursive: true });
    const ours = readBuildContext({ context, args: {} }, [])?.entries.map(({ path }) => path);
    expect(ours?.sort()).toEqual(found.sort());
  });
});

describe.skipIf(withoutDocker)('an image that Docker refuses by its name', () => {
  it('is told with what to type, and hides no other image', async () => {
    const project = await createDockerProject(
      'name: NAME\nservices:\n  Web: {build: ./app}\n  other: {image: "debian:trixie-slim"}\n',
    );
    try {
      await mkdir(join(project.folder, 'app'));
      await project.write('app/Dockerfile', 'FROM debian:trixie-slim\nCMD ["sleep", "infinity"]\n');
      for (const args of [
        ['up'],
        ['build'],
        ['export', 'swarm'],
        ['export', 'k8s'],
        ['deploy', 'swarm', '--dry-run'],
      ]) {
        const { code, document } = await project.json(args);
        if (args[0] === 'deploy' && document.error.code === 'SWARM_ABSENT') continue;
        expect([args, code, document.error.code]).toEqual([args, 4, 'IMAGE_NAME_REFUSED']);
        expect(document.error.hint).toContain(`image: ${project.name}-web`);
      }
      const { document } = await project.json(['doctor']);
      const crashed = document.data.checks.filter(
        ({ outcome }: { outcome: string }) => outcome === 'crashed',
      );
      expect(crashed).toEqual([]);
    } finally {
      await project.remove();
    }
  });
});
