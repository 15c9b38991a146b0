import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { identifyProcess, isAlive, startIn } from '../../../src/system/process-identity.js';

/** As the kernel writes it: 52 fields, of which the third is the state, the 20th the threads, the 22nd the start. */
function statOf(state: string, threads: number): string {
  const [parent, group] = [1, 4242];
  return `4242 (no) de (x) ${state} ${parent} ${group} ${group} 0 -1 4228108 2201 0 0 0 9 3 0 0 20 0 ${threads} 0 987654 0 0 0 0\n`;
}

describe('a process', () => {
  it.each([
    ['S', 11, '987654'],
    ['R', 1, '987654'],
    // exit_group(2) ends the first thread before the others, which hold the listening socket until they are gone.
    ['Z', 11, '987654'],
    ['Z', 1, undefined],
    ['X', 1, undefined],
  ])('in state %s with %i threads began at %s', (state, threads, start) => {
    expect(startIn(statOf(state, threads))).toBe(start);
  });

  it('is alive until it has ended, and nobody else is it', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const identity = identifyProcess(child.pid as number);
    expect(identity).toMatchObject({ pid: child.pid });
    expect(identity && isAlive(identity)).toBe(true);
    expect(isAlive({ pid: child.pid as number, start: 'another time' })).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(identity && isAlive(identity)).toBe(false);
    expect(identifyProcess(child.pid as number)).toBeUndefined();
  });
});
