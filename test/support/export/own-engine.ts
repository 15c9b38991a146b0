import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { openSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const START_MS = 60_000;

/** A Docker engine for one test file, in namespaces of its own: what it does with its Swarm, the machine's does not see. */
export interface OwnEngine {
  host: string;
  docker(...args: string[]): Promise<string>;
  /** Copies images of the machine's engine. */
  load(...images: string[]): void;
  /** Ends it as a power cut does. */
  kill(): Promise<void>;
  /** Starts it again, with all that it had. */
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** Whether this machine lets us have one: root, iproute2, dockerd, and namespaces. */
export const withoutOwnEngine =
  process.platform !== 'linux' ||
  spawnSync('unshare', ['--net', '--mount', '--uts', 'sh', '-c', 'ip link set lo up && command -v dockerd'])
    .status !== 0;
if (withoutOwnEngine) {
  console.log('Swarm tests are skipped: this machine does not let us start an engine in its own namespaces');
}

export async function startOwnEngine(): Promise<OwnEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'invctl-engine-'));
  const host = `unix://${join(folder, 'docker.sock')}`;
  const log = join(folder, 'dockerd.log');
  const cgroup = `invctl-test-${process.pid}`;
  let daemon: ChildProcess | undefined;

  const docker = async (...args: string[]) =>
    (await execute('docker', ['--host', host, ...args], { maxBuffer: 64 * 1024 ** 2 })).stdout.trim();

  async function start(): Promise<void> {
    const script = [
      // Where the engine keeps its sockets and the network namespaces of its containers.
      'mkdir -p /run/docker && mount -t tmpfs tmpfs /run/docker',
      'ip link set lo up',
      `rm -f ${folder}/docker.pid`,
      `exec dockerd --data-root ${folder}/data --exec-root ${folder}/exec --pidfile ${folder}/docker.pid -H ${host} --cgroup-parent /${cgroup}`,
    ].join(' && ');
    const output = openSync(log, 'a');
    daemon = spawn('unshare', ['--net', '--mount', '--uts', '--propagation', 'private', 'sh', '-c', script], {
      stdio: ['ignore', output, output],
      detached: true,
    });
    const deadline = Date.now() + START_MS;
    for (;;) {
      try {
        await docker('version');
        return;
      } catch (error) {
        if (Date.now() < deadline && daemon.exitCode === null) await delay(200);
        else throw new Error(`${String(error)}\n${readFileSync(log, 'utf8').slice(-2000)}`);
      }
    }
  }

  /** The engine and the containerd that it started. */
  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!daemon?.pid || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = new Promise((resolve) => daemon?.once('exit', resolve));
    if (signal === 'SIGKILL') process.kill(-daemon.pid, signal);
    else daemon.kill(signal);
    await ended;
  }

  await start();
  return {
    host,
    docker,
    load(...images) {
      // Without our DOCKER_HOST: the machine's engine.
      execFileSync('sh', ['-c', `docker save ${images.join(' ')} | docker --host ${host} load`], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    },
    kill: () => end('SIGKILL'),
    start,
    async remove() {
      // What an engine that was killed ran outlives it: started again, it ends that.
      if (daemon?.exitCode !== null || daemon.signalCode !== null) await start();
      await docker('swarm', 'leave', '--force').catch(() => {});
      const containers = (await docker('ps', '--all', '--quiet').catch(() => '')).split('\n').filter(Boolean);
      if (containers.length > 0) await docker('rm', '--force', ...containers).catch(() => {});
      await end('SIGTERM');
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
      spawnSync('sh', [
        '-c',
        `find /sys/fs/cgroup -depth -type d -path '*/${cgroup}*' -exec rmdir {} + 2>/dev/null`,
      ]);
    },
  };
}
