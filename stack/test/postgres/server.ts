import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { copyPackagedPrograms, installedPrograms } from './programs.js';

export interface TestServer {
  /** Of the maintenance database, as a superuser. */
  readonly url: string;
  stop(): Promise<void>;
}

/** What a test's data need not have: to outlive a power cut. */
const DISPOSABLE = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };

/**
 * The server at `TEST_DATABASE_URL`, or one of our own that is gone, with all its files, after `stop`.
 * @param durable commits wait for the disk, as in production.
 */
export async function startServer({ durable = false } = {}): Promise<TestServer> {
  const given = process.env.TEST_DATABASE_URL;
  if (given !== undefined) return { url: given, stop: async () => {} };

  const folder = await mkdtemp(join(tmpdir(), 'inventory-test-'));
  const user = unprivilegedUser();
  try {
    await chmod(folder, 0o755);
    if (user) await chown(folder, user.uid, user.gid);
    const bin = installedPrograms() ?? (await copyPackagedPrograms(join(folder, 'native')));

    const password = randomBytes(16).toString('hex');
    const passwordFile = join(folder, 'password');
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (user) await chown(passwordFile, user.uid, user.gid);
    const data = join(folder, 'data');
    const options = { cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' }, ...user };
    await promisify(execFile)(
      join(bin, 'initdb'),
      [
        '-D',
        data,
        '-U',
        'postgres',
        '-A',
        'scram-sha-256',
        `--pwfile=${passwordFile}`,
        '-E',
        'UTF8',
        '--no-sync',
      ],
      options,
    );

    const port = await freePort();
    const configuration = { max_connections: '200', ...(durable ? {} : DISPOSABLE) };
    const server = spawn(
      join(bin, 'postgres'),
      [
        ...['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', ''],
        ...Object.entries(configuration).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      { ...options, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    server.stderr.on('data', (chunk) => {
      log = `${log}${chunk}`.slice(-10_000);
    });
    const exited = once(server, 'exit');
    // For a test run that ends before its teardown: an error, Ctrl-C, a closed pipe.
    const abandon = () => {
      server.kill('SIGQUIT');
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    };
    process.once('exit', abandon);
    const stop = async () => {
      process.off('exit', abandon);
      server.kill('SIGINT');
      await exited;
      await rm(folder, { recursive: true, force: true });
    };
    const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
    await untilUp(url, () => (server.exitCode === null ? undefined : log));
    return { url, stop };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function untilUp(url: string, deathNotice: () => string | undefined): Promise<void> {
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      return;
    } catch (error) {
      const notice = deathNotice();
      if (notice !== undefined)
        throw new Error(`PostgreSQL ended at its start:\n${notice}`, { cause: error });
    } finally {
      await client.end().catch(() => {});
    }
    await delay(50);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

/** PostgreSQL does not run as root: who runs it then. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((entry) => entry.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find(([user]) => user === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('neither postgres nor nobody is a user here: set TEST_DATABASE_URL');
}
