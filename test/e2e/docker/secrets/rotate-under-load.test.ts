import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invctl } from '../../../support/cli.js';
import { withoutDocker } from '../../../support/docker.js';
import { docker, freePort, leftovers, removeProject } from '../../../support/docker-project.js';

const CLIENTS = 4;
/** Below the API's limit of 100 requests a second. */
const PAUSE_MS = 50;

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
  async function load(over: AbortSignal): Promise<Request[]> {
    const headers = { authorization: `Bearer ${await token()}` };
    const requests: Request[] = [];
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
    return requests;
  }

  /** From the first signal to the old container until the new one is healthy, in milliseconds since the epoch. */
  async function restart(since: number): Promise<{ from: number; to: number }> {
    const lines = await docker(
      ...['events', '--since', String(since / 1000), '--until', String(Date.now() / 1000)],
      ...['--filter', `label=com.docker.compose.project=${name}`, '--format', '{{json .}}'],
      ...['--filter', 'label=com.docker.compose.service=api'],
    );
    const events = lines.split('\n').map((line) => {
      const { Action, timeNano } = JSON.parse(line) as { Action: string; timeNano: number };
      return { action: Action, time: timeNano / 1e6 };
    });
    const from = events.find(({ action }) => action === 'kill')?.time;
    const to = events.findLast(({ action }) => action === 'health_status: healthy')?.time;
    if (from === undefined || to === undefined) throw new Error(`no restart in: ${lines}`);
    return { from, to };
  }

  it('is noticed while the API restarts, and at no other time', async () => {
    const since = Date.now();
    const over = new AbortController();
    const requests = load(over.signal);
    await sleep(1000);
    await run('secrets', 'rotate', 'db_password');
    const rotated = Date.now();
    await sleep(1000);
    over.abort();
    const all = await requests;
    const { from, to } = await restart(since);
    expect(rotated).toBeGreaterThan(to);
    const before = all.filter(({ ended }) => ended < from);
    const after = all.filter(({ begun }) => begun > to);
    expect(before.length).toBeGreaterThan(CLIENTS);
    expect(after.length).toBeGreaterThan(CLIENTS);
    expect([...before, ...after].filter(({ outcome }) => outcome !== 200)).toEqual([]);
    // Within, the API may be away; it refuses nobody for a password that it does not know yet.
    const within = all.filter(({ begun, ended }) => ended >= from && begun <= to);
    expect(
      within.filter(({ outcome }) => typeof outcome === 'number' && ![200, 503].includes(outcome)),
    ).toEqual([]);
  });
});
