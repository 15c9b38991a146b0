import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { commandLine, findProcesses } from '../../../src/system/process-table.js';
import { temporaryFolder } from '../../support/folder.js';

async function sleeper(argument: string, env: Record<string, string>, cwd: string): Promise<number> {
  const script = "console.log('ready'); setInterval(() => {}, 1000)";
  const child = spawn(process.execPath, ['-e', script, argument], {
    env: { ...process.env, ...env },
    cwd,
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child.pid as number;
}

describe('finding processes', () => {
  test('by a variable, an argument or the working directory, each as a whole', async () => {
    const folder = await temporaryFolder();
    const pid = await sleeper(`${folder}/argument`, { MARK: folder }, folder);
    const found = { pid, parent: process.pid, group: pid };
    expect(findProcesses({ environment: `MARK=${folder}` })).toEqual([found]);
    expect(findProcesses({ environment: `MARK=${folder}/more` })).toEqual([]);
    expect(findProcesses({ argument: `${folder}/argument` })).toEqual([found]);
    expect(findProcesses({ argument: `${folder}/arg` })).toEqual([]);
    if (process.platform === 'linux') expect(findProcesses({ workingDirectory: folder })).toEqual([found]);
    expect(commandLine(pid)).toContain(` ${folder}/argument`);
  });

  test('leaves out ourselves, and nobody is found by nothing', () => {
    const own = `PATH=${process.env.PATH}`;
    expect(findProcesses({ environment: own }).some(({ pid }) => pid === process.pid)).toBe(false);
    expect(findProcesses({})).toEqual([]);
  });

  test('tells nothing of a process that is gone', async () => {
    const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
    await once(child, 'exit');
    expect(commandLine(child.pid as number)).toBeUndefined();
  });
});
