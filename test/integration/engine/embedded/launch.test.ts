import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  configHash,
  endService,
  type LaunchPlan,
  serviceMark,
} from '../../../../src/engine/embedded/launch.js';
import type { StateFolders } from '../../../../src/engine/embedded/state.js';
import { identifyProcess, isAlive, type ProcessIdentity } from '../../../../src/system/process-identity.js';
import { temporaryFolder } from '../../../support/folder.js';

async function stateFolders(): Promise<StateFolders> {
  const root = await temporaryFolder();
  const project = join(root, 'project');
  await mkdir(project);
  return { root, project, logs: project, secrets: project, volumes: project, programs: project };
}

/** A process that bears the mark of a service; resolves when it has said that it is ready. */
async function marked(folders: StateFolders, script: string): Promise<ProcessIdentity> {
  const child = spawn(
    process.execPath,
    ['-e', `${script}; console.log('ready'); setInterval(() => {}, 1000)`],
    {
      env: { ...process.env, ...serviceMark(folders, 'api') },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return identifyProcess(child.pid as number) as ProcessIdentity;
}

const polite = { steps: [{ signal: 'SIGTERM' as const, waitMs: 20_000 }], to: 'all' as const };

test('a service ends with all its processes, found by the mark alone', async () => {
  const folders = await stateFolders();
  const processes = [await marked(folders, ''), await marked(folders, '')];
  await endService({ folders, service: 'api', record: undefined }, polite);
  expect(processes.filter((identity) => isAlive(identity))).toEqual([]);
});

test('a service with another mark goes on', async () => {
  const folders = await stateFolders();
  const other = await marked(await stateFolders(), '');
  await endService({ folders, service: 'api', record: undefined }, polite);
  expect(isAlive(other)).toBe(true);
});

test('one that does not listen is killed, and each step is tried before the next', async () => {
  const folders = await stateFolders();
  const deaf = await marked(folders, "process.on('SIGTERM', () => {})");
  const steps = [
    { signal: 'SIGTERM' as const, waitMs: 200 },
    { signal: 'SIGKILL' as const, waitMs: 20_000 },
  ];
  await expect(
    endService({ folders, service: 'api', record: undefined }, { steps: steps.slice(0, 1), to: 'all' }),
  ).rejects.toMatchObject({ code: 'PROCESS_NOT_ENDED', message: expect.stringContaining(String(deaf.pid)) });
  expect(isAlive(deaf)).toBe(true);
  await endService({ folders, service: 'api', record: undefined }, { steps, to: 'all' });
  expect(isAlive(deaf)).toBe(false);
});

test('two plans are one where all that decides what runs is equal, whatever the order of the variables', () => {
  const plan: LaunchPlan = {
    program: '/bin/node',
    args: ['a.js'],
    cwd: '/app',
    env: { A: '1', B: '2' },
    ids: {},
    fingerprint: ['built'],
  };
  expect(configHash({ ...plan, env: { B: '2', A: '1' } })).toBe(configHash(plan));
  for (const change of [
    { args: ['b.js'] },
    { env: { A: '1' } },
    { cwd: '/' },
    { fingerprint: ['rebuilt'] },
  ]) {
    expect(configHash({ ...plan, ...change })).not.toBe(configHash(plan));
  }
});
