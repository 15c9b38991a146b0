import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLockHolder, withProjectLock } from '../../../src/system/lock.js';
import { identifyProcess, isAlive } from '../../../src/system/process-identity.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'invctl-lock-'));
});
afterEach(() => rm(folder, { recursive: true }));

const command = 'invctl test';
const state = () => ({ stateFolder: join(folder, '.invctl') });

async function writeHolder(fields: object): Promise<void> {
  await mkdir(join(folder, '.invctl'));
  const holder = {
    ...identifyProcess(process.pid),
    host: hostname(),
    command: 'invctl up',
    since: 'then',
    ...fields,
  };
  await writeFile(join(folder, '.invctl/project.lock'), JSON.stringify(holder));
}

describe('the project lock', () => {
  it('is held while the body runs and leaves nothing behind', async () => {
    await withProjectLock(state(), { command }, async () => {
      expect(await readLockHolder(state())).toMatchObject({ pid: process.pid, command });
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('is given back when the body throws', async () => {
    await expect(
      withProjectLock(state(), { command }, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
    expect(await readLockHolder(state())).toBeUndefined();
  });

  it('refuses a second holder and names the first', async () => {
    await withProjectLock(state(), { command: 'invctl up' }, async () => {
      await expect(withProjectLock(state(), { command }, async () => {})).rejects.toMatchObject({
        code: 'PROJECT_LOCKED',
        exitCode: 9,
        message: expect.stringContaining(`process ${process.pid}`),
      });
    });
  });

  it('waits when told to', async () => {
    const order: string[] = [];
    let letGo = () => {};
    const waiting = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let first: Promise<void> | undefined;
    await new Promise<void>((entered) => {
      first = withProjectLock(state(), { command }, async () => {
        entered();
        await waiting;
        order.push('first');
      });
    });
    const onWait = () => {
      order.push('waiting');
      letGo();
    };
    await withProjectLock(state(), { command, waitMs: 30_000, onWait }, async () => {
      order.push('second');
    });
    await first;
    expect(order).toEqual(['waiting', 'first', 'second']);
  });

  it('takes over from a process that is gone, and from one whose id was given to another', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    const dead = { pid: child.pid as number, start: 'x' };
    await new Promise((resolve) => child.once('close', resolve));
    await writeHolder(dead);
    await withProjectLock(state(), { command }, async () => {});
    await rm(join(folder, '.invctl'), { recursive: true, force: true });
    await writeHolder({ start: 'another boot/1' });
    await withProjectLock(state(), { command }, async () => {});
    expect(existsSync(join(folder, '.invctl/project.lock'))).toBe(false);
  });

  it('takes over also where another process was killed while it did that', async () => {
    await writeHolder({ start: 'another boot/1' });
    await copyFile(join(folder, '.invctl/project.lock'), join(folder, '.invctl/project.lock.evict'));
    expect(await withProjectLock(state(), { command }, async () => 'done')).toBe('done');
    expect(existsSync(join(folder, '.invctl'))).toBe(false);
  });

  it('does not judge a process of another machine', async () => {
    await writeHolder({ host: 'elsewhere', start: 'x' });
    await expect(withProjectLock(state(), { command }, async () => {})).rejects.toMatchObject({
      message: expect.stringContaining('on elsewhere'),
    });
  });

  it('lets one of many in at a time, a stale lock or not', async () => {
    await writeHolder({ start: 'another boot/1' });
    let inside = 0;
    let most = 0;
    const counter = join(folder, 'counter');
    await writeFile(counter, '0');
    await Promise.all(
      Array.from({ length: 12 }, () =>
        withProjectLock(state(), { command, waitMs: 15_000 }, async () => {
          inside += 1;
          most = Math.max(most, inside);
          const seen = Number(await readFile(counter, 'utf8'));
          await new Promise((resolve) => setImmediate(resolve));
          await writeFile(counter, String(seen + 1));
          inside -= 1;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(await readFile(counter, 'utf8')).toBe('12');
  });
});

describe('the folder of the lock', () => {
  it('may come and go with each holder', async () => {
    for (let round = 0; round < 20; round += 1) {
      const holders = Array.from({ length: 12 }, async (_, turn) => {
        await new Promise((resolve) => setTimeout(resolve, 3 * turn));
        await withProjectLock(state(), { command, waitMs: 15_000 }, async () => {});
      });
      const outcomes = await Promise.allSettled(holders);
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
      await rm(join(folder, '.invctl'), { recursive: true, force: true });
    }
  });
});

describe('process identity', () => {
  it('tells this process from none and from an earlier one of the same id', () => {
    const own = identifyProcess(process.pid);
    expect(own && isAlive(own)).toBe(true);
    expect(isAlive({ pid: process.pid, start: 'another boot/1' })).toBe(false);
    expect(identifyProcess(2 ** 22 + 1)).toBeUndefined();
  });
});
