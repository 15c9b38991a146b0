import type { Swarm, SwarmNode, SwarmTask } from '../../engine/swarm/swarm.js';
import { type CauseFinder, type DeployCause, type DeployFailure, masked } from './evidence.js';
import { dataNodeAway, readyDataNode } from './swarm-data-node.js';
import type { RolloutFailure } from './swarm-rollout.js';

const LAST_LINES = 12;

/** No reason but nodes that took nothing, and those without the data. */
const WAITED_FOR_A_NODE =
  /no suitable node \((?:(?:; )?(?:scheduling constraints not satisfied|\d+ nodes? not available for new tasks)[^;)]*)+\)/i;

/** Messages of the Swarm about a task, and what to do (texts of swarmkit and of the engine 20 to 29). */
const REFUSALS: readonly {
  pattern: RegExp;
  explain(match: RegExpExecArray, service: string): Omit<DeployCause, 'check'>;
}[] = [
  {
    pattern: /host-mode port already in use/i,
    explain: (_, service) => ({
      message: 'its port is in use on the node, by the task that it is to replace or by another service',
      next: `write update_config: {order: stop-first} under deploy of "${service}", or another port`,
    }),
  },
  {
    pattern: /no suitable node \((.*)\)/i,
    explain: ([, why = '']) => ({
      message: `no node can take it: ${why}`,
      next: /insufficient resources/i.test(why)
        ? 'lower deploy.resources.reservations in the compose file, or add a node'
        : /not available for new tasks/i.test(why)
          ? 'docker node ls      (start Docker on the one that is down; one that is drained: docker node update --availability active NODE)'
          : 'docker node ls; docker node inspect NODE --pretty      (its labels against placement.constraints)',
    }),
  },
  {
    pattern: /bind source path does not exist: (\S+)/i,
    explain: ([, path]) => ({
      message: `the node has no ${path}: Swarm carries no files`,
      next: `put ${path} on the node, or make it a config or a named volume in the compose file`,
    }),
  },
  {
    pattern: /No such image: (\S+)/i,
    explain: ([, image]) => ({
      message: `the node does not have the image ${image}, and can pull it from nowhere`,
      next: 'invctl deploy swarm      (pins what is on the engine; somebody removed it since)',
    }),
  },
  {
    pattern: /exec format error/i,
    explain: (_, service) => ({
      message: 'the image was built for another processor',
      next: `invctl build --no-cache ${service} && invctl deploy swarm`,
    }),
  },
  {
    pattern: /OOMKilled|exit \(137\)|non-zero exit \(137\)/i,
    explain: () => ({
      message: 'it was killed, as happens where it needs more memory than its limit',
      next: 'raise deploy.resources.limits.memory in the compose file',
    }),
  },
];

/**
 * Explains why a service is not ready, from the Swarm, the health check and the log. Called before a
 * rollback.
 */
export async function explainFailure(
  swarm: Swarm,
  stack: string,
  { service, reason, message, task }: RolloutFailure,
  findCause: CauseFinder,
  secrets: readonly string[],
): Promise<DeployFailure> {
  const error = task?.Status.Err;
  const exitCode = task?.Status.ContainerStatus?.ExitCode;
  const [lastLines, healthOutput] = task
    ? await Promise.all([
        swarm.logs(task, LAST_LINES).catch(() => []),
        swarm.healthOutput(task).catch(() => ''),
      ])
    : [[], ''];
  const nodes = task ? await swarm.nodes().catch(() => []) : [];
  const cause =
    findCause(lastLines, healthOutput) ??
    (task && nodeCause(task, `${stack}_${service}`, nodes)) ??
    (nodes.length > 1 ? overlayCause(lastLines) : undefined) ??
    refusalCause(error, service) ??
    downCause(nodes);
  const failure: DeployFailure = {
    service,
    reason,
    message,
    lastLines,
    ...(error ? { error } : {}),
    ...(exitCode === undefined || exitCode === 0 ? {} : { exitCode }),
    ...(healthOutput ? { healthOutput } : {}),
    cause: cause ?? {
      message: error ?? message,
      next: `docker service ps --no-trunc ${stack}_${service}; docker service logs --tail 50 ${stack}_${service}`,
    },
  };
  return masked(failure, secrets);
}

/** What only the nodes explain: where the data is, and which of them cannot pull an image. */
export function nodeCause(
  { Spec, Status, NodeID }: SwarmTask,
  object: string,
  nodes: readonly SwarmNode[],
): DeployCause | undefined {
  const error = Status.Err ?? '';
  if (/no suitable node/i.test(error)) {
    const away = dataNodeAway(Spec, nodes);
    if (away) return away;
    const node = readyDataNode(Spec, nodes);
    // Seen with engine 26: a task that waited for a drained node stays so when that one is active again.
    if (node?.Spec.Availability === 'active' && WAITED_FOR_A_NODE.test(error)) {
      return {
        message: `the node ${node.Description.Hostname}, with its data, takes tasks again, and the Swarm has not given it this one`,
        next: `docker service update --force ${object}`,
      };
    }
    return downCause(nodes);
  }
  const image = /No such image: (\S+)/i.exec(error)?.[1];
  const node = nodes.find(({ ID }) => ID === NodeID)?.Description.Hostname;
  if (image === undefined || node === undefined || nodes.length === 1) return undefined;
  return {
    message: `the node ${node} cannot pull the image ${image}: it does not reach the registry, is not let in, or the image is not there any more`,
    next: `ssh ${node} docker pull ${image}      (says why; a registry without TLS belongs into insecure-registries of the daemon.json of every node)`,
  };
}

/** A node that goes away in the middle takes replicas along, and the update waits for them. */
function downCause(nodes: readonly SwarmNode[]): DeployCause | undefined {
  const down = nodes.filter(({ Status }) => Status.State !== 'ready').map((one) => one.Description.Hostname);
  if (down.length === 0) return undefined;
  return {
    message: `${down.length === 1 ? `the node ${down[0]} is` : `the nodes ${down.join(', ')} are`} down, and what ran there has to start elsewhere`,
    next: `docker node ls      (start Docker on ${down.join(', ')}, or: docker node rm ${down[0]}), then: invctl deploy swarm`,
  };
}

/** A service that looks for another one, and is not let through. */
function overlayCause(lines: readonly string[]): DeployCause | undefined {
  const found = /\b(EHOSTUNREACH|ETIMEDOUT|No route to host|connection timed out)\b/i.exec(lines.join('\n'));
  if (!found) return undefined;
  return {
    message: `it does not get through to another service (${found[1]}): the nodes do not reach each other on the ports of the overlay network, or their kernel has no IPVS`,
    next: 'docker node ls      (between all nodes: 7946/tcp, 7946/udp and 4789/udp; without the kernel module ip_vs: endpoint_mode: dnsrr under deploy of the service that it looks for)',
  };
}

function refusalCause(error: string | undefined, service: string): DeployCause | undefined {
  for (const { pattern, explain } of REFUSALS) {
    const match = pattern.exec(error ?? '');
    if (match) return explain(match, service);
  }
  return undefined;
}
