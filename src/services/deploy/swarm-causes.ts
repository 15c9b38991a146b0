import type { Swarm } from '../../engine/swarm/swarm.js';
import { type CauseFinder, type DeployCause, type DeployFailure, masked } from './evidence.js';
import type { RolloutFailure } from './swarm-rollout.js';

const LAST_LINES = 12;

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
  const cause = findCause(lastLines, healthOutput) ?? refusalCause(error, service);
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

function refusalCause(error: string | undefined, service: string): DeployCause | undefined {
  for (const { pattern, explain } of REFUSALS) {
    const match = pattern.exec(error ?? '');
    if (match) return explain(match, service);
  }
  return undefined;
}
