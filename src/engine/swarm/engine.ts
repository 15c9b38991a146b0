import { CommandError, ExitCode, UserError } from '../../errors.js';
import type { ProcessRunner } from '../../system/process.js';
import { createDocker } from '../compose/docker.js';
import { createComposeEngine } from '../compose/engine.js';
import { inspectContainers } from '../compose/inspect.js';
import type { Engine, UpOptions, UpOutcome } from '../engine.js';
import type { ServiceStatus } from '../service-status.js';
import * as argv from './argv.js';
import { createSwarm, type SwarmService, type SwarmTask } from './swarm.js';

/** For each replica: the engine waits as long as a task does not get healthy. */
const RESTART_MS = 120_000;

/**
 * An engine for the services of a project that is deployed to the Swarm. Commands that work in a service's
 * container, or ask its database, use the container of its newest task on this node.
 * @param deploy starts the services: in a Swarm that is a deployment
 */
export function createSwarmEngine(
  dependencies: { processes: ProcessRunner; env: NodeJS.ProcessEnv; signal: AbortSignal },
  deploy: (options: UpOptions) => Promise<UpOutcome>,
): Engine {
  const { processes, env, signal } = dependencies;
  const docker = createDocker(processes, env);
  const swarm = createSwarm(processes, env, signal);

  async function statuses(stack: string): Promise<ServiceStatus[]> {
    const services = await swarm.services(stack);
    const tasks = await swarm.tasks([...services.values()]);
    return Promise.all(
      [...services].map(async ([name, service]) =>
        statusOf(name, service, tasks, await hasHealthcheck(service)),
      ),
    );
  }

  /** A service's own health check, or that of its image, if this engine has it. */
  async function hasHealthcheck({ Spec }: SwarmService): Promise<boolean> {
    const { Healthcheck, Image } = Spec.TaskTemplate.ContainerSpec;
    const test = Healthcheck?.Test ?? (await swarm.image(Image))?.Config?.Healthcheck?.Test;
    return test?.[0] !== undefined && test[0] !== 'NONE';
  }

  async function elsewhere(stack: string, service: string): Promise<UserError> {
    const found = (await swarm.services(stack)).get(service);
    const tasks = found ? await swarm.tasks([found]) : [];
    const running = tasks.find(({ Status }) => Status.State === 'running');
    const node = (await swarm.nodes()).find(({ ID }) => ID === running?.NodeID);
    return new UserError({
      code: 'SERVICE_NOT_RUNNING',
      message: node
        ? `"${service}" runs on the node ${node.Description.Hostname}, and only the engine of that node reaches its container`
        : `"${service}" does not run in the Swarm`,
      hint: node
        ? `docker node promote ${node.Description.Hostname}      (then the command again on its engine, by --host or --context: only that of a manager is told of the stack)`
        : `docker service ps --no-trunc ${stack}_${service}`,
    });
  }

  /** @returns false: they are not all replaced in that time. */
  async function restartTasks(service: string, timeoutMs: number): Promise<boolean> {
    try {
      await docker.run(argv.restartService(service), { signal, timeoutMs });
      return true;
    } catch (error) {
      if (error instanceof UserError && error.code === 'TIMEOUT') return false;
      // The client says so where the Swarm has paused the update.
      if (error instanceof CommandError && /update paused|rolled? ?back/i.test(error.stderrTail)) return true;
      throw error;
    }
  }

  const compose = createComposeEngine({
    processes,
    env,
    async containerOf({ name: stack }, service) {
      const [id] = await docker.list(argv.taskContainers(`${stack}_${service}`));
      if (id === undefined) throw await elsewhere(stack, service);
      return id;
    },
  });
  return {
    ...compose,
    status: ({ name }) => statuses(name),
    async inspect({ name: stack }, service) {
      const ids = await docker.list(argv.taskContainers(`${stack}_${service}`));
      if (ids.length === 0) throw await elsewhere(stack, service);
      return inspectContainers(docker, ids);
    },
    async restart({ name: stack }, services) {
      const found = await swarm.services(stack);
      const failed: string[] = [];
      for (const service of services) {
        const replicas = found.get(service)?.Spec.Mode.Replicated?.Replicas ?? 1;
        const timeoutMs = RESTART_MS * Math.max(1, replicas);
        const isOver = await restartTasks(`${stack}_${service}`, timeoutMs);
        // The client ends with success also when the Swarm has taken the restart back.
        const state = isOver ? (await swarm.services(stack)).get(service)?.UpdateStatus?.State : 'updating';
        if (state && state !== 'completed') failed.push(service);
      }
      if (failed.length > 0) throw notReady(stack, failed);
    },
    async up({ name }, options) {
      const wanted = (await statuses(name)).filter(
        (status) => options.services.length === 0 || options.services.includes(status.name),
      );
      if (options.recreate || wanted.length === 0 || wanted.some(({ state }) => state !== 'running')) {
        return deploy(options);
      }
      const unchanged = wanted.map((status) => status.name);
      return { services: wanted, seconds: {}, failed: [], unchanged, outdated: [] };
    },
  };
}

function notReady(stack: string, services: readonly string[]): UserError {
  return new UserError({
    code: 'NOT_HEALTHY',
    message: `${services.join(', ')} did not get ready when it was started again`,
    hint: `docker stack ps --no-trunc ${stack}`,
    exitCode: ExitCode.unhealthy,
    details: { services: [...services] },
  });
}

function statusOf(
  name: string,
  service: SwarmService,
  tasks: readonly SwarmTask[],
  checked: boolean,
): ServiceStatus {
  const own = tasks.filter(({ ServiceID }) => ServiceID === service.ID);
  const running = own.some(({ Status }) => Status.State === 'running');
  // A task with a health check is `running` once it is healthy.
  const health = checked ? 'healthy' : 'none';
  return {
    name,
    state: running ? 'running' : own.length > 0 ? 'restarting' : 'absent',
    health: running ? health : 'none',
    restarts: 0,
    ports: [],
  };
}
