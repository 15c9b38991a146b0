import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Machine, startMachine, whyNoMachine } from './machine.js';

const REGISTRY_PORT = 5000;

/** A Swarm of two machines, and a registry without TLS that the engines of both are told to trust. */
export interface SwarmNodes {
  manager: Machine;
  worker: Machine;
  /** `address:port` */
  registry: string;
  /** Whether the worker reaches the registry. */
  registryForWorker(reached: boolean): Promise<void>;
  /** Ends the worker's engine as a power cut does. */
  killWorker(): Promise<void>;
  startWorker(): Promise<void>;
  remove(): void;
}

/** Why there can be no two nodes here; undefined where there can. */
export function whyNoSwarmNodes(): string | undefined {
  const why = whyNoMachine();
  if (why) return why;
  if (spawnSync('docker-registry', ['--help']).error)
    return 'docker-registry is not here (apt-get install docker-registry)';
  const made = spawnSync('unshare', [
    '--net',
    'ip',
    'link',
    'add',
    'vx',
    'type',
    'vxlan',
    'id',
    '1',
    'dstport',
    '4789',
  ]);
  return made.status === 0 ? undefined : 'the kernel has no vxlan, which overlay networks are made of';
}

/** Takes about ten seconds. The nodes reach each other by a wire of their own: no rule of this machine is changed. */
export async function startSwarmNodes(): Promise<SwarmNodes> {
  const folder = mkdtempSync('/var/tmp/invctl-nodes-');
  const machines: Machine[] = [];
  let server: ChildProcess | undefined;
  const remove = () => {
    for (const machine of machines) machine.remove();
    server?.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const manager = startMachine();
    machines.push(manager);
    const worker = startMachine();
    machines.push(worker);
    const wire = manager.gateway.replace('10.214.', '10.215.').replace(/\.1$/, '');
    const ip = (...args: string[]) => execFileSync('ip', args);
    ip(
      'link',
      'add',
      'wire',
      'netns',
      manager.name,
      'type',
      'veth',
      'peer',
      'name',
      'wire',
      'netns',
      worker.name,
    );
    machines.forEach(({ name, gateway }, index) => {
      ip('-n', name, 'addr', 'add', `${wire}.${index + 1}/30`, 'dev', 'wire');
      ip('-n', name, 'link', 'set', 'wire', 'up');
      ip('-n', name, 'route', 'add', 'default', 'via', gateway);
    });
    const registry = `${manager.gateway}:${REGISTRY_PORT}`;
    server = await startRegistry(folder, registry);
    for (const machine of machines) {
      const config = JSON.stringify({ 'insecure-registries': [registry] });
      await machine.run(`echo '${config}' > /etc/docker/daemon.json && kill -HUP $(cat /run/docker.pid)`);
    }
    await manager.run(`docker swarm init --advertise-addr ${wire}.1`);
    const token = await manager.run('docker swarm join-token --quiet worker');
    await worker.run(`docker swarm join --token ${token} --advertise-addr ${wire}.2 ${wire}.1:2377`);
    return {
      manager,
      worker,
      registry,
      async registryForWorker(reached) {
        await worker.run(`ip route ${reached ? 'del' : 'add'} blackhole ${manager.gateway}/32`);
      },
      async killWorker() {
        await worker.run('kill -9 $(cat /run/docker.pid)');
      },
      async startWorker() {
        // The words that it was started with.
        await worker.run(
          'rm -f /run/docker.pid; setsid dockerd --data-root /run/machine/data --exec-root /run/machine/exec --pidfile /run/docker.pid -H unix:///var/run/docker.sock --cgroup-parent=/$(hostname) --storage-driver=overlay2 >>/run/machine/dockerd.log 2>&1 </dev/null & until docker version >/dev/null 2>&1; do sleep 0.2; done',
        );
      },
      remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}

async function startRegistry(folder: string, address: string): Promise<ChildProcess> {
  const config = join(folder, 'registry.yml');
  writeFileSync(
    config,
    `version: 0.1\nstorage: { filesystem: { rootdirectory: ${folder}/registry } }\nhttp: { addr: "${address}" }\n`,
  );
  const server = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  for (let i = 0; i < 100; i += 1) {
    if (
      await fetch(`http://${address}/v2/`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return server;
    await delay(100);
  }
  server.kill();
  throw new Error(`the registry does not answer at ${address}`);
}
