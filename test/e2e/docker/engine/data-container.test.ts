import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createComposeEngine } from '../../../../src/engine/compose/engine.js';
import { openTrials } from '../../../../src/engine/open-trials.js';
import type { BesideTrial, Trials } from '../../../../src/engine/trials.js';
import { locateProject } from '../../../../src/project/locate.js';
import { createProcessRunner } from '../../../../src/system/process.js';
import { withoutDocker } from '../../../support/docker.js';
import { createDockerProject, type DockerProject } from '../../../support/docker-project.js';

const COMPOSE = `name: NAME
services:
  db:
    image: postgres:16
    environment: { POSTGRES_PASSWORD: marker }
    volumes: ["pgdata:/var/lib/postgresql/data", "./mounted:/mounted"]
    read_only: true
    cap_drop: [ALL]
volumes: { pgdata: {} }
`;
/** A number that no user of the image has. */
const OWNER = 4321;

describe.skipIf(withoutDocker)('programs beside a database', () => {
  const content = randomBytes(5_000_000);
  const sum = createHash('sha256').update(content).digest('hex');
  const opened: string[] = [];
  let project: DockerProject;
  let trials: Trials;

  beforeAll(async () => {
    project = await createDockerProject(COMPOSE);
    for (const folder of ['mounted', 'place', 'elsewhere']) {
      mkdirSync(join(project.folder, folder), { mode: 0o700 });
      const file = join(project.folder, folder, 'größe 1:2 $x.tar');
      writeFileSync(file, content, { mode: 0o600 });
      for (const path of [file, join(project.folder, folder)]) chownSync(path, OWNER, OWNER);
    }
  });

  afterAll(async () => {
    const location = locateProject(project.folder, process.env);
    for (const name of opened) await trials.remove(location, name);
    expect((await project.leftovers()).filter((line) => !line.startsWith('volume'))).toEqual([]);
    await project.remove();
  });

  async function beside(name: string): Promise<BesideTrial> {
    const env = process.env;
    const processes = createProcessRunner({ env });
    const engine = createComposeEngine({ processes, env });
    trials = await openTrials(engine, {
      processes,
      env,
      signal: new AbortController().signal,
      warn: () => {},
    });
    const location = locateProject(project.folder, env);
    const model = await engine.resolve(location);
    const service = model.services.db;
    if (!service) throw new Error('the project has a database');
    opened.push(`${project.name}-${name}`);
    return trials.prepareBeside(location, {
      name: `${project.name}-${name}`,
      project: model,
      service,
      dataDirectory: '/var/lib/postgresql/data',
      folder: '/var/lib/postgresql/data/second/data',
      files: join(project.folder, 'place'),
    });
  }

  const file = (folder: string) => ({ file: join(project.folder, folder, 'größe 1:2 $x.tar') });
  const ADD = ['sh', '-c', 'id -un; test -p /dev/stdin && echo by a pipe; exec sha256sum'];

  it('read a file that only its owner may read, there', async () => {
    const { runOnData } = await beside('there');
    const found = await runOnData(['sh', '-c', 'ls /dev/shm; sha256sum'], file('place'));
    expect(found).toEqual({ status: 0, output: `invctl-1\n${sum}  -\n` });
    const together = await Promise.all([1, 2, 3].map(() => runOnData(ADD, file('place'))));
    expect(together.map(({ output }) => output)).toEqual(Array(3).fill(`postgres\nby a pipe\n${sum}  -\n`));
  });

  it('read one that is not mounted, from us', async () => {
    const { runOnData } = await beside('elsewhere');
    const found = await runOnData(['sh', '-c', 'ls /dev/shm; sha256sum'], file('elsewhere'));
    expect(found).toEqual({ status: 0, output: `${sum}  -\n` });
  });

  it('read it from us where its owner cannot get to it', async () => {
    const locked = join(project.folder, 'place', 'locked');
    mkdirSync(locked, { mode: 0o700 });
    writeFileSync(join(locked, 'file'), content, { mode: 0o600 });
    chownSync(join(locked, 'file'), OWNER, OWNER);
    const { runOnData } = await beside('locked');
    const found = await runOnData(['sh', '-c', 'ls /dev/shm; sha256sum'], { file: join(locked, 'file') });
    expect(found).toEqual({ status: 0, output: `${sum}  -\n` });
  });

  it('wait for nothing when what they run in is stopped', async () => {
    const { runOnData } = await beside('stopped');
    await runOnData(['true'], file('place'));
    const label = `label=com.docker.compose.project=${project.name}-stopped`;
    const id = execFileSync('docker', ['ps', '--quiet', '--filter', label], { encoding: 'utf8' }).trim();
    const since = performance.now();
    execFileSync('docker', ['stop', '--time', '60', id]);
    expect(performance.now() - since).toBeLessThan(30_000);
  });

  it('end with their own status, whether they read all of it or nothing', async () => {
    const { runOnData } = await beside('failing');
    const nothing = await runOnData(['sh', '-c', 'echo full >&2; exit 7'], file('place'));
    expect(nothing).toEqual({ status: 7, output: 'full\n' });
    const some = await runOnData(['sh', '-c', 'head -c 9 >/dev/null; exit 8'], file('place'));
    expect(some.status).toBe(8);
  });
});
