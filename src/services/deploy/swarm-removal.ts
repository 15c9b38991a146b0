import { setTimeout as delay } from 'node:timers/promises';
import { refusal, type Swarm, type SwarmNode, type SwarmTask } from '../../engine/swarm/swarm.js';
import { ExitCode, UserError } from '../../errors.js';
import type { RolloutEvent } from './swarm-rollout.js';

const POLL_MS = 1000;
/** How long an engine may keep a network after the last task in it has ended. */
const NETWORK_MS = 30_000;

export interface RemovalInput {
  /** Services that are to be created. */
  services: readonly string[];
  timeoutMs: number;
  signal: AbortSignal;
  onEvent: (event: RolloutEvent) => void;
}

/**
 * Waits until the tasks of services that were removed from the stack have ended. `docker stack rm` and `docker
 * service rm` return while they still stop: a database that still writes would share its data folder with a new
 * one, and the network that they are in goes away with the last of them. Tasks of a node that is down are not
 * waited for.
 *
 * @throws UserError STACK_BEING_REMOVED (exit 6): nothing was changed
 */
export async function awaitRemoval(
  swarm: Swarm,
  stack: string,
  { services, timeoutMs, signal, onEvent }: RemovalInput,
): Promise<void> {
  const started = performance.now();
  if (services.length === 0) return;
  for (;;) {
    const nodes = await swarm.nodes();
    const removed = await swarm.removedTasks(stack, nodes);
    const ending = removed.filter(({ NodeID }) => isReady(nodes, NodeID));
    if (ending.length === 0) return;
    const elapsedMs = performance.now() - started;
    if (elapsedMs > timeoutMs) throw stillThere(stack, ending, nodes, timeoutMs);
    const detail = `waits until what was removed has ended (${ending.length} left)`;
    for (const service of services) onEvent({ service, phase: 'created', elapsedMs, detail });
    await delay(POLL_MS, undefined, { signal });
  }
}

/**
 * Hands a stack over, again while the Swarm misses a network that the client still saw: the last of a stack that
 * is removed.
 */
export async function pastOldNetworks<T>(handOver: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const deadline = performance.now() + NETWORK_MS;
  for (;;) {
    try {
      return await handOver();
    } catch (error) {
      const isGoing = /network \S+ not found/i.test(refusal(error) ?? '');
      if (!isGoing || performance.now() > deadline) throw error;
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

function isReady(nodes: readonly SwarmNode[], id: string | undefined): boolean {
  return nodes.some(({ ID, Status }) => ID === id && Status.State === 'ready');
}

function stillThere(
  stack: string,
  ending: readonly SwarmTask[],
  nodes: readonly SwarmNode[],
  timeoutMs: number,
): UserError {
  const places = ending.map(
    ({ NodeID }) => nodes.find(({ ID }) => ID === NodeID)?.Description.Hostname ?? '',
  );
  const [node] = places;
  const filter = `--filter label=com.docker.stack.namespace=${stack}`;
  return new UserError({
    code: 'STACK_BEING_REMOVED',
    message: `the stack "${stack}" is still being removed: after ${Math.round(timeoutMs / 1000)} s, ${ending.length} of its containers have not ended, on ${[...new Set(places)].join(', ')}; nothing was deployed`,
    hint: `docker ps ${filter}      (on ${node}; docker rm --force CONTAINER ends one), then: invctl deploy swarm`,
    exitCode: ExitCode.unhealthy,
  });
}
