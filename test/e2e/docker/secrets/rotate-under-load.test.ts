import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { freePort, leftovers, removeProject } from '../../../support/docker-project.js';

/** So few that each of the API's connections is always in use: one that it opened anew would be noticed as well. */
const CLIENTS = 2;
/** Below the API's limit of 100 requests a second. */
const PAUSE_MS = 20;
const ENOUGH = 20;
/** The engine tells of a signal after it has sent it: on a busy machine the API has answered "I am stopping" by then. */
const TOLD_LATE_MS = 100;

interface Request {
  /** Milliseconds since the epoch. */
  begun: number;
  ended: number;
  /** HTTP status, or what was wrong with the connection. */
  outcome: number | string;
}

describe.skipIf(withoutDocker)('secrets rotate under a load of requests', () => {
  const name = `invctl-load-${randomBytes(4).toString('hex')}`;
  let folder: string;
  let api: string;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'invctl-load-')));
    const port = await freePort();
    api = `http://127.0.0.1:${port}/api/v1`;
    await run('init', '--name', name, '--port', String(port));
    await run('up');
  }, 600_000);

  afterAll(async () => {
    await removeProject(name);
    expect(await leftovers(name)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  async function run(...args: string[]): Promise<void> {
    const { code, stderr } = await invctl(['--engine', 'docker', ...args], { cwd: folder });
    expect(code, stderr).toBe(0);
  }

  async function token(): Promise<string> {
    const password = await readFile(join(folder, 'secrets/admin_password.txt'), 'utf8');
    const response = await fetch(`${api}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password }),
    });
    const { access_token: issued } = (await response.json()) as { access_token: string };
    expect(issued).toBeTruthy();
    return issued;
  }

  /** One client after another until `over`: each request reads the database. */
  async function load(requests: Request[], over: AbortSignal): Promise<void> {
    const headers = { authorization: `Bearer ${await token()}` };
    const client = async () => {
      while (!over.aborted) {
        const begun = Date.now();
        const outcome = await fetch(`${api}/items?limit=1`, {
          headers,
          signal: AbortSignal.timeout(10_000),
        }).then(
          async (response) => {
            await response.arrayBuffer();
            return response.status;
          },
          (error: Error) => String(error.cause ?? error),
        );
        requests.push({ begun, ended: Date.now(), outcome });
        await sleep(PAUSE_MS);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  }

  /** What happens to the API's containers from now on. (Of the past, the engine keeps the last 256 events of all.) */
  function watch() {
    const client = spawn(
      'docker',
      [
        'events',
        ...['--filter', `label=com.docker.compose.project=${name}`],
        ...['--filter', 'label=com.docker.compose.service=api'],
        ...['--format', '{{json .}}'],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let text = '';
    client.stdout.on('data', (chunk) => {
      text += chunk;
    });
    const times = (action: string) =>
      text.split('\n').flatMap((line) => {
        const event = line.endsWith('}')
          ? (JSON.parse(line) as { Action: string; timeNano: number })
          : undefined;
        return event?.Action === action ? [event.timeNano / 1e6] : [];
      });
    return {
      /** From the first signal to the old container until the new one is healthy, in milliseconds since the epoch. */
      restart: () => ({
        from: (times('kill')[0] ?? 0) - TOLD_LATE_MS,
        to: times('health_status: healthy').at(-1) ?? 0,
      }),
      stop: () => {
        client.kill();
        return once(client, 'exit');
      },
    };
  }

  it('is noticed while the API restarts, and at no other time', async () => {
    const events = watch();
    const over = new AbortController();
    const all: Request[] = [];
    const done = load(all, over.signal);
    const served = () => all.filter(({ outcome }) => outcome === 200).length;
    const untilServed = (count: number) =>
      vi.waitFor(() => expect(served()).toBeGreaterThan(count), { timeout: 60_000 });
    await untilServed(ENOUGH);
    await run('secrets', 'rotate', 'db_password');
    const rotated = Date.now();
    await untilServed(served() + ENOUGH);
    over.abort();
    await done;
    const { from, to } = events.restart();
    await events.stop();
    expect(from).toBeGreaterThan(0);
    expect(to).toBeGreaterThan(from);
    expect(rotated).toBeGreaterThan(to);
    const before = all.filter(({ ended }) => ended < from);
    const after = all.filter(({ begun }) => begun > to);
    expect(before.length).toBeGreaterThan(ENOUGH);
    expect(after.length).toBeGreaterThan(CLIENTS);
    expect([...before, ...after].filter(({ outcome }) => outcome !== 200)).toEqual([]);
    // Within, the API may be away; it refuses nobody for a password that it does not know yet.
    const within = all.filter(({ begun, ended }) => ended >= from && begun <= to);
    expect(
      within.filter(({ outcome }) => typeof outcome === 'number' && ![200, 503].includes(outcome)),
    ).toEqual([]);
  });

  it("gives the admin another password through the container's own program, whatever the file has", async () => {
    const file = join(folder, 'secrets/admin_password.txt');
    const before = await token();
    const first = await readFile(file, 'utf8');
    await rm(file);
    await writeFile(file, 'nobody knows the right one', { mode: 0o444 });
    await run('secrets', 'rotate', 'admin_password');
    expect([first, 'nobody knows the right one']).not.toContain(await readFile(file, 'utf8'));
    expect(await token()).not.toBe(before);
    expect(await readdir(join(folder, 'secrets'))).toEqual(['admin_password.txt', 'db_password.txt']);

    await run('stop', 'api');
    const { code, stdout } = await invctl(
      ['--engine', 'docker', '--json', 'secrets', 'rotate', 'admin_password'],
      { cwd: folder },
    );
    expect([code, JSON.parse(stdout).error.code]).toEqual([1, 'ADMIN_API_DOWN']);
    await run('up');
  });
});
