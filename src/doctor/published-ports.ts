import { clientEndpoint } from '../engine/docker-contexts.js';
import type { EngineKind } from '../engine/engine.js';
import type { ServiceStatus } from '../engine/service-status.js';
import { UserError } from '../errors.js';
import { itemsAt } from '../project/canonical.js';
import { mapAt } from '../project/tree.js';
import { findFreePort, findListener, isPortFree } from '../system/ports.js';
import type { RemoteHost } from '../system/ssh/remote-host.js';
import type { Facts } from './facts.js';
import { parseListeningSockets } from './listening-sockets.js';
import { place, placeOf } from './reading.js';

/** A TCP port that the project publishes on the engine's machine, and what holds it now. */
export interface WantedPort {
  service: string;
  host: string;
  port: number;
  target: number;
  place: { file: string; line?: number } | undefined;
  holder: PortHolder;
}

export type PortHolder =
  | { kind: 'nobody' }
  /** A container or process of this project, for this very service. */
  | { kind: 'own'; instance: string }
  | { kind: 'container'; instance: string; project?: string }
  /** This project's own service, on the engine that is not in use now. */
  | { kind: 'other-engine'; engine: EngineKind; service: string }
  /** `pid` is unknown when the process belongs to another user or runs on another machine. */
  | { kind: 'process'; pid?: number; name?: string };

const asked = new WeakMap<Facts, Promise<WantedPort[]>>();

/** Every published port of the active services; looked up once. */
export function wantedPorts(facts: Facts): Promise<WantedPort[]> {
  const known = asked.get(facts) ?? gather(facts);
  asked.set(facts, known);
  return known;
}

async function gather(facts: Facts): Promise<WantedPort[]> {
  const engine = await facts.engine();
  const own = engine.kind === 'none' ? [] : await facts.status();
  const wanted: WantedPort[] = [];
  for (const service of Object.values(facts.project.services)) {
    // With host networking `ports` has no effect.
    if (service.networkMode === 'host') continue;
    for (const [index, { published, hostIp, protocol, target }] of service.ports.entries()) {
      if (published === undefined || protocol !== 'tcp') continue;
      const host = hostIp ?? '0.0.0.0';
      wanted.push({
        service: service.name,
        host,
        port: published,
        target,
        place: portPlace(facts, service.name, index),
        holder: await holderOf(facts, own, service.name, host, published),
      });
    }
  }
  return wanted;
}

/** Where an entry of `ports` is written. */
export function portPlace(
  facts: Facts,
  service: string,
  index: number,
): { file: string; line?: number } | undefined {
  const item = itemsAt(mapAt(facts.reading.loaded?.tree, 'services', service), 'ports')[index];
  return item ? place(item.at) : placeOf(facts.reading, 'services', service, 'ports');
}

async function holderOf(
  facts: Facts,
  own: readonly ServiceStatus[],
  service: string,
  host: string,
  port: number,
): Promise<PortHolder> {
  const engine = await facts.engine();
  const mine = own.find(
    (status) =>
      status.name === service &&
      status.state === 'running' &&
      status.ports.some(({ published }) => published === port),
  );
  if (mine) return { kind: 'own', instance: mine.instance ?? mine.name };
  const docker = await facts.survey();
  if (docker) {
    const holder = (await docker.listed()).find(
      ({ state, ports }) =>
        state === 'running' && ports.some((one) => one.port === port && overlap(one.host, host)),
    );
    // Another service of this project: the next `up` recreates its container without the port.
    if (holder?.project === facts.location.name && facts.project.services[holder.service ?? '']) {
      return { kind: 'own', instance: holder.name };
    }
    if (holder) {
      return {
        kind: 'container',
        instance: holder.name,
        ...(holder.project ? { project: holder.project } : {}),
      };
    }
  }
  const taken = await portsOfHost(facts);
  if (taken) return { kind: taken.has(port) ? 'process' : 'nobody' };
  // The engine is on another machine and is not asked: the ports of this machine say nothing.
  if (isRemoteEngine(facts) || (await isPortFree(host, port))) return { kind: 'nobody' };
  const other = await onOtherEngine(facts, port);
  if (other) return other;
  const listener = await findListener(port);
  // A process of the engine itself, for a container that it cannot show or that is not of this project.
  if (
    engine.kind === 'none' &&
    (listener?.name === 'docker-proxy' || (!listener && engine.error.code === 'ENGINE_DENIED'))
  ) {
    return { kind: 'nobody' };
  }
  return { kind: 'process', ...(listener ? { pid: listener.pid, name: listener.name } : {}) };
}

/** Finds a project that was left running on one engine and then started on the other. */
async function onOtherEngine(facts: Facts, port: number): Promise<PortHolder | undefined> {
  const engine = await facts.otherEngine();
  try {
    const owner = await engine.portOwner(facts.location, port);
    return owner?.service && owner.project === facts.location.name
      ? { kind: 'other-engine', engine: engine.kind, service: owner.service }
      : undefined;
  } catch (error) {
    // An engine that does not answer, or state of another folder, says nothing about this port.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function overlap(a: string, b: string): boolean {
  const any = (host: string) => host === '0.0.0.0' || host === '[::]' || host === '::' || host === '';
  return any(a) || any(b) || a === b;
}

/** The next free port above this one, on the engine's machine. */
export async function freePortAbove(facts: Facts, host: string, port: number): Promise<number> {
  const taken = await portsOfHost(facts);
  if (!taken) return findFreePort(host, port);
  let free = port + 1;
  while (taken.has(free)) free += 1;
  return free;
}

const ofHosts = new WeakMap<Facts, Promise<ReadonlySet<number>>>();

/** The ports in use on the engine's machine, when it is reached by SSH. */
async function portsOfHost(facts: Facts): Promise<ReadonlySet<number> | undefined> {
  const remote = facts.location.host?.remote;
  if (!remote) return undefined;
  const known = ofHosts.get(facts) ?? readPorts(remote);
  ofHosts.set(facts, known);
  return known;
}

async function readPorts(remote: RemoteHost): Promise<ReadonlySet<number>> {
  const { stdout } = await remote.script('cat /proc/net/tcp /proc/net/tcp6 2>/dev/null', [], {
    allowFailure: true,
  });
  return new Set(parseListeningSockets(stdout).map(({ port }) => port));
}

function isRemoteEngine({ env }: Facts): boolean {
  return /^(tcp|ssh|https?):\/\//.test(clientEndpoint(env) ?? '');
}
