import { spawn } from 'node:child_process';
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { EmbeddedState } from '../../../src/engine/embedded/state.js';
import { isAlive } from '../../../src/system/process-identity.js';
import { bin } from '../../support/cli.js';
import { disposeOf, embeddedEngine, embeddedEnvironment, query } from '../../support/embedded.js';
import { faultSteps } from '../../support/fault-counts.js';
import { createTinyStack, type TinyStack } from '../../support/tiny-stack.js';

let stack: TinyStack;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  stack = await createTinyStack();
  env = await embeddedEnvironment(stack);
});

afterEach(async () => {
  expect(await disposeOf(stack, env)).toEqual([]);
});

const up = () =>
  embeddedEngine(env).up(stack.location(), { services: [], wait: true, timeoutMs: 60_000 }, () => {});
const down = () => embeddedEngine(env).down(stack.location(), { volumes: false });
const stateFile = () => join(env.INVCTL_STATE_DIR as string, 'projects', stack.name, 'state.json');
const readState = async () => JSON.parse(await readFile(stateFile(), 'utf8')) as EmbeddedState;
const changeState = async (change: (state: EmbeddedState) => void) => {
  const state = await readState();
  change(state);
  await writeFile(stateFile(), JSON.stringify(state));
};
const dataFolder = () => join(env.INVCTL_STATE_DIR as string, 'projects', stack.name, 'volumes', 'pgdata');
const processOf = async (service: string) => {
  const found = (await readState()).services[service]?.launch?.process;
  if (!found) throw new Error(`the state knows no process of ${service}`);
  return found;
};
const apiPid = async () => {
  const response = await fetch(`http://127.0.0.1:${stack.port}/facts`);
  return ((await response.json()) as { pid: number }).pid;
};

/** Runs the CLI's `up` and kills it by SIGKILL: after a time, or when its output says something. */
async function killedUp(when: { afterMs: number } | { onOutput: string }): Promise<void> {
  const child = spawn(process.execPath, [bin, '--engine', 'embedded', 'up'], {
    cwd: stack.directory,
    env: { ...env, NO_COLOR: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = () => child.kill('SIGKILL');
  if ('afterMs' in when) setTimeout(kill, when.afterMs);
  else {
    let output = '';
    child.stderr.on('data', (chunk) => {
      output += chunk;
      if (output.includes(when.onOutput)) kill();
    });
  }
  await ended;
}

describe('an invctl killed in the middle of up', () => {
  test.each([
    { name: 'while it initialises the data and installs packages', when: { onOutput: 'db  starting' } },
    { name: 'when PostgreSQL runs', when: { onOutput: 'db   running' } },
    { name: 'when the API starts', when: { onOutput: 'api  starting' } },
    { name: 'when the API runs', when: { onOutput: 'api  running' } },
    ...faultSteps([300, 900], [500, 700, 1100]).map((afterMs) => ({
      name: `after ${afterMs} ms`,
      when: { afterMs },
    })),
  ])('$name: the next up brings the project to healthy', async ({ when }) => {
    await killedUp(when);
    const { failed } = await up();
    expect(failed).toEqual([]);
    expect(await query(embeddedEngine(env), stack, 'SELECT current_database()')).toEqual(['tiny']);
    expect((await processOf('api')).pid).toBe(await apiPid());
    const volumes = await readdir(join(dataFolder(), '..'));
    expect(volumes).toEqual(['pgdata']);
  });

  test('a process that it started and did not note is found and ended', async () => {
    await up();
    const strays = [await processOf('db'), await processOf('api')];
    await changeState((state) => {
      for (const service of Object.values(state.services)) delete service.launch;
    });
    const port = (await readState()).services.db?.port;
    const { failed, unchanged } = await up();
    expect(failed).toEqual([]);
    expect(unchanged).toEqual([]);
    expect(strays.filter((stray) => isAlive(stray))).toEqual([]);
    // It was held by the server that had to end first.
    expect((await readState()).services.db?.port).toBe(port);
  });

  test('down ends what it started and did not note', async () => {
    await up();
    const strays = [await processOf('db'), await processOf('api')];
    await changeState((state) => {
      for (const service of Object.values(state.services)) delete service.launch;
    });
    await down();
    expect(strays.filter((stray) => isAlive(stray))).toEqual([]);
  });
});

describe('what the state says is checked against the machine', () => {
  test('after a reboot nothing of it runs, and up starts all again on the same data', async () => {
    await up();
    await query(embeddedEngine(env), stack, 'CREATE TABLE kept AS SELECT 1 AS n');
    const before = await readState();
    await embeddedEngine(env).stop(stack.location(), []);
    // The same process ids, but of another boot: each is now some other process. PostgreSQL itself trusts its lock
    // file where that is one of the server's own user.
    const { uid, gid } = await stat(dataFolder());
    const other = spawn('sleep', ['600'], {
      cwd: '/',
      stdio: 'ignore',
      ...(process.getuid?.() === 0 ? { uid, gid } : {}),
    });
    onTestFinished(() => void other.kill('SIGKILL'));
    const pid = other.pid as number;
    await changeState((state) => {
      for (const { launch } of Object.values(state.services)) {
        if (launch) {
          launch.process = {
            pid,
            start: launch.process.start.replace(/^[^/]*/, '00000000-0000-4000-8000-000000000000'),
          };
        }
      }
    });
    await writeFile(join(dataFolder(), 'postmaster.pid'), `${pid}\n${dataFolder()}\n1\n5432\n\n\n`);
    const states = await embeddedEngine(env).status(stack.location());
    expect(states.map(({ state }) => state)).toEqual(['exited', 'exited']);

    const { failed, unchanged } = await up();
    expect(failed).toEqual([]);
    expect(unchanged).toEqual([]);
    expect(await query(embeddedEngine(env), stack, 'SELECT n FROM kept')).toEqual([1]);
    expect((await readState()).services.db?.port).toBe(before.services.db?.port);
    expect(other.exitCode ?? other.signalCode).toBeNull();
  });

  test('a process that reuses the id of ours is neither taken for it nor stopped', async () => {
    await up();
    await embeddedEngine(env).stop(stack.location(), ['api']);
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    try {
      await changeState((state) => {
        const launch = state.services.api?.launch;
        if (launch) launch.process.pid = stranger.pid as number;
      });
      const status = await embeddedEngine(env).status(stack.location());
      expect(status.find(({ name }) => name === 'api')?.state).toBe('exited');
      await embeddedEngine(env).stop(stack.location(), []);
      await up();
      await down();
      expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  test('a server that was killed is started again, and its backends are waited for', async () => {
    await up();
    const server = await processOf('db');
    process.kill(server.pid, 'SIGKILL');
    await expect.poll(() => isAlive(server)).toBe(false);
    const { failed, unchanged } = await up();
    expect(failed).toEqual([]);
    expect(unchanged).toEqual(['api']);
  });

  test('a state that nobody wrote is refused, named, and left as it is', async () => {
    await up();
    await down();
    await writeFile(stateFile(), '{"version": 99}');
    await expect(up()).rejects.toMatchObject({ code: 'EMBEDDED_STATE_INVALID', exitCode: 4 });
    expect(await readFile(stateFile(), 'utf8')).toBe('{"version": 99}');
    // Moved away, as the hint says: the data is found again.
    await rename(stateFile(), `${stateFile()}.old`);
    expect((await up()).failed).toEqual([]);
    await rename(`${stateFile()}.old`, join(stack.home, 'old'));
  });
});
