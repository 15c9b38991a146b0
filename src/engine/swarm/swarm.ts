import type { Readable } from 'node:stream';
import { CommandError, ExitCode, UserError } from '../../errors.js';
import type { ProcessRunner } from '../../system/process.js';
import { createDocker, type Docker, failedCommand } from '../compose/docker.js';
import { LABEL_STACK } from '../labels.js';
import type { ContainerInspect } from '../survey.js';
import * as argv from './argv.js';

/** The parts of a service in the Engine API (1.44) that invctl reads. */
export interface SwarmService {
  ID: string;
  Version: { Index: number };
  Spec: ServiceSpec;
  /** The definition that a rollback leads to. */
  PreviousSpec?: ServiceSpec;
  UpdateStatus?: {
    State:
      | 'updating'
      | 'paused'
      | 'completed'
      | 'rollback_started'
      | 'rollback_paused'
      | 'rollback_completed'
      | '';
    Message?: string;
  };
}

export interface ServiceSpec {
  Name: string;
  Labels?: Record<string, string> | null;
  TaskTemplate: TaskSpec;
  Mode: { Replicated?: { Replicas?: number }; Global?: object; ReplicatedJob?: object; GlobalJob?: object };
  EndpointSpec?: { Ports?: { TargetPort: number; PublishedPort?: number; PublishMode?: string }[] | null };
}

export interface TaskSpec {
  ContainerSpec: {
    Image: string;
    Labels?: Record<string, string> | null;
    Env?: string[] | null;
    Secrets?: { SecretName: string }[] | null;
    Healthcheck?: { Test?: string[] | null } | null;
    Command?: string[] | null;
    Args?: string[] | null;
    Mounts?: { Type: string; Source?: string; Target: string; ReadOnly?: boolean }[] | null;
    [field: string]: unknown;
  };
  Resources?: { Limits?: { MemoryBytes?: number } };
  LogDriver?: { Name?: string; Options?: Record<string, string> | null };
  RestartPolicy?: { Condition?: string };
  Placement?: { Constraints?: string[] | null };
  ForceUpdate?: number;
}

export interface SwarmTask {
  ID: string;
  ServiceID: string;
  NodeID?: string;
  Slot?: number;
  CreatedAt: string;
  DesiredState: string;
  Spec: TaskSpec;
  Status: {
    State: string;
    Message?: string;
    Err?: string;
    ContainerStatus?: { ContainerID?: string; ExitCode?: number };
  };
}

export interface SwarmNode {
  ID: string;
  Spec: { Labels?: Record<string, string> | null; Availability: string };
  Status: { State: string };
  Description: { Hostname: string; Platform: { Architecture: string; OS: string } };
}

export interface SwarmSecret {
  ID: string;
  Spec: { Name: string; Labels?: Record<string, string> | null };
}

/** An image of this engine; it may also be in a registry. */
export interface EngineImage {
  Id: string;
  Architecture: string;
  Os: string;
  Config?: { Healthcheck?: { Test?: string[] | null } | null };
}

/**
 * A Swarm, reached through the engine of one of its managers. Every method throws a UserError with exit code
 * 3 if the engine does not answer, and a CommandError if the Swarm refuses the request.
 */
export interface Swarm {
  /** Asks whether this engine manages a Swarm. @throws UserError SWARM_ABSENT, SWARM_NOT_MANAGER (exit 3) */
  assertManager(): Promise<void>;
  /** Returns the nodes, that of this engine first. */
  nodes(): Promise<SwarmNode[]>;
  /** @param label `name=value` */
  labelNode(id: string, label: string): Promise<void>;
  secrets(): Promise<SwarmSecret[]>;
  createSecret(name: string, labels: Readonly<Record<string, string>>, value: Readable): Promise<void>;
  /** @returns whether the secret is removed: Swarm keeps one that a service uses. */
  removeSecret(name: string): Promise<boolean>;
  /** Returns the services by their names without the stack's. */
  services(stack: string): Promise<Map<string, SwarmService>>;
  /** Returns the images of all services of the Swarm. */
  serviceImages(): Promise<string[]>;
  /** Returns the log driver of services that name none, on this node. */
  defaultLogDriver(): Promise<string>;
  /** Returns the tasks of the services, newest first; the Swarm keeps some that have ended. */
  tasks(services: readonly SwarmService[]): Promise<SwarmTask[]>;
  /** Returns the tasks of the stack whose service was removed, and which have not ended yet. */
  removedTasks(stack: string, nodes: readonly SwarmNode[]): Promise<SwarmTask[]>;
  /** @returns the client's output on standard error */
  deploy(stack: string, file: string, env: Readonly<Record<string, string>>): Promise<string>;
  rollBack(service: SwarmService): Promise<void>;
  removeServices(services: readonly SwarmService[]): Promise<void>;
  removeStack(stack: string): Promise<void>;
  /** Returns the last lines of a task, if its container exists. */
  logs(task: SwarmTask, lines: number): Promise<string[]>;
  /**
   * Returns the last output of a task's health check; empty if its container is on another node, or has no
   * check.
   */
  healthOutput(task: SwarmTask): Promise<string>;
  /** Returns the names of a Compose project's containers that run on this engine. */
  composeContainers(project: string): Promise<string[]>;
  /** Returns an image of this engine. */
  image(name: string): Promise<EngineImage | undefined>;
  /** Has the engine pull the image. @returns its digest in the registry */
  pull(image: string): Promise<string>;
  tag(id: string, name: string): Promise<void>;
  /** Returns the digest of an image in its registry, which this machine asks and not the engine. */
  registryDigest(image: string): Promise<string>;
}

const LOG_TIMEOUT_MS = 20_000;

/** The Swarm that the engine of `env` belongs to. */
export function createSwarm(processes: ProcessRunner, env: NodeJS.ProcessEnv, signal: AbortSignal): Swarm {
  const docker = createDocker(processes, env);
  const run = (args: readonly string[]) => docker.run(args, { signal });
  const inspectAll = async <T>(listing: string[], inspect: (ids: string[]) => string[]): Promise<T[]> => {
    const ids = await docker.list(listing);
    return ids.length === 0 ? [] : docker.inspect<T>(inspect(ids));
  };

  return {
    async assertManager() {
      const { stdout } = await run(argv.swarmState());
      const { LocalNodeState: state, ControlAvailable: manages } = JSON.parse(stdout || '{}') as {
        LocalNodeState?: string;
        ControlAvailable?: boolean;
      };
      if (state === 'active' && manages) return;
      throw state === 'active' ? notManager() : absent(state);
    },
    async nodes() {
      const listed = (await docker.list(argv.nodeIds())).map((line) => line.split(' '));
      const own = listed.find(([self]) => self === 'true')?.[1];
      const ids = listed.map(([, id = '']) => id);
      const found = ids.length === 0 ? [] : await docker.inspect<SwarmNode>(argv.inspectNodes(ids));
      return found.sort((a, b) => Number(b.ID === own) - Number(a.ID === own));
    },
    async labelNode(id, label) {
      await run(argv.labelNode(id, label));
    },
    secrets: () => inspectAll<SwarmSecret>(argv.secretIds(), argv.inspectSecrets),
    async createSecret(name, labels, input) {
      await docker.run(argv.createSecret(name, labels), { input, signal });
    },
    async removeSecret(name) {
      return (await docker.run(argv.removeSecret(name), { allowFailure: true })).status === 0;
    },
    async services(stack) {
      const found = await inspectAll<SwarmService>(argv.serviceIds(stack), argv.inspectServices);
      return new Map(found.map((service) => [service.Spec.Name.slice(stack.length + 1), service]));
    },
    serviceImages: () => docker.list(argv.serviceImages()),
    defaultLogDriver: async () => (await run(argv.defaultLogDriver())).stdout.trim(),
    tasks: (services) => tasksOf(docker, services, signal),
    async removedTasks(stack, nodes) {
      const listed = await docker.list(argv.nodeTasks(nodes.map(({ ID }) => ID)));
      const ids = listed.map((line) => line.split(' ')).filter(([, state]) => state === 'Remove');
      if (ids.length === 0) return [];
      const found = await docker.inspect<SwarmTask>(argv.inspectTasks(ids.map(([id = '']) => id)));
      // They are printed in their short form.
      const services = await docker.list(argv.serviceIds(stack));
      return found.filter(
        ({ ServiceID, Spec }) =>
          Spec.ContainerSpec.Labels?.[LABEL_STACK] === stack &&
          !services.some((id) => ServiceID.startsWith(id)),
      );
    },
    async deploy(stack, file, variables) {
      return (await docker.run(argv.deployStack(stack, file), { env: variables, signal })).stderr;
    },
    async rollBack({ ID }) {
      await docker.run(argv.rollBack(ID));
    },
    async removeServices(services) {
      if (services.length > 0) await docker.run(argv.removeServices(services.map(({ ID }) => ID)));
    },
    async removeStack(stack) {
      await docker.run(argv.removeStack(stack));
    },
    async logs(task, lines) {
      const options = { allowFailure: true, timeoutMs: LOG_TIMEOUT_MS, signal };
      const result = await docker.run(argv.taskLogs(task.ID, lines), options);
      return `${result.stdout}\n${result.status === 0 ? result.stderr : ''}`
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(-lines);
    },
    async healthOutput(task) {
      const id = task.Status.ContainerStatus?.ContainerID;
      if (!id) return '';
      const [container] = await docker.inspect<ContainerInspect>(argv.healthOf(id));
      const failed = container?.State.Health?.Log?.filter(({ ExitCode: code }) => code !== 0);
      return failed?.at(-1)?.Output.trim() ?? '';
    },
    async composeContainers(project) {
      const containers = await docker.containers(project);
      return containers
        .filter(({ State }) => State.Status === 'running' || State.Status === 'paused')
        .map(({ Name }) => Name.replace(/^\//, ''));
    },
    async image(name) {
      const [found] = await docker.inspect<EngineImage>(argv.inspectImage(name));
      return found;
    },
    async pull(image) {
      const result = await run(argv.pullImage(image));
      const digest = /^Digest: (sha256:[0-9a-f]{64})$/m.exec(result.stdout)?.[1];
      if (digest === undefined) throw failedCommand(result);
      return digest;
    },
    async tag(id, name) {
      await run(argv.tagImage(id, name));
    },
    async registryDigest(image) {
      const result = await docker.run(argv.registryDigest(image), { allowFailure: true, signal });
      const digest = /"digest":\s*"(sha256:[0-9a-f]{64})"/.exec(result.stdout)?.[1];
      if (result.status !== 0 || digest === undefined) throw failedCommand(result);
      return digest;
    },
  };
}

async function tasksOf(
  docker: Docker,
  services: readonly SwarmService[],
  signal: AbortSignal,
): Promise<SwarmTask[]> {
  if (services.length === 0) return [];
  const result = await docker.run(argv.taskIds(services.map(({ ID }) => ID)), { allowFailure: true });
  const ids = result.stdout.split('\n').filter((line) => line !== '');
  // The client complains about a service that was removed in the meantime; it still prints the tasks of
  // the others.
  if (ids.length === 0 && result.status !== 0 && !/no such service/i.test(result.stderr)) {
    await docker.run(argv.taskIds(services.map(({ ID }) => ID)), { signal });
  }
  const found = ids.length === 0 ? [] : await docker.inspect<SwarmTask>(argv.inspectTasks(ids));
  return found.sort((a, b) => b.CreatedAt.localeCompare(a.CreatedAt));
}

function absent(state: string | undefined): UserError {
  const locked = state === 'locked';
  return new UserError({
    code: 'SWARM_ABSENT',
    message: locked
      ? 'the Swarm of this engine is locked: its key was asked for when the engine started'
      : `the Docker engine is not in a Swarm${state && state !== 'inactive' ? ` (${state})` : ''}`,
    hint: locked
      ? 'docker swarm unlock'
      : 'docker swarm init      (on several machines: --advertise-addr with the address that the others reach)',
    exitCode: ExitCode.engineUnavailable,
  });
}

function notManager(): UserError {
  return new UserError({
    code: 'SWARM_NOT_MANAGER',
    message: 'the Docker engine is a worker of its Swarm: only a manager takes a stack',
    hint: 'docker context ls      (use that of a manager, or: docker node promote NODE on one)',
    exitCode: ExitCode.engineUnavailable,
  });
}

/** Returns the client's last message, if the Swarm refused the request. */
export function refusal(error: unknown): string | undefined {
  return error instanceof CommandError ? error.stderrTail.trim().split('\n').at(-1) : undefined;
}
