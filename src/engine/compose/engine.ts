import { statSync } from 'node:fs';
import { ExitCode, UserError } from '../../errors.js';
import type { ComposeConfig } from '../../project/from-config.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeProject, withDependencies } from '../../project/model.js';
import type { ProcessRunner } from '../../system/process.js';
import type {
  Engine,
  EngineInfo,
  ExecOptions,
  LiveEnvironment,
  LogEntry,
  LogOptions,
  NetworkStatus,
  PipeOptions,
  PipeResult,
  PortOwner,
  ServiceDetails,
  VolumeStatus,
} from '../engine.js';
import { LABEL_NUMBER, LABEL_PROJECT, LABEL_SERVICE } from '../labels.js';
import type { ServiceStatus } from '../service-status.js';
import type { ContainerInspect } from '../survey.js';
import * as argv from './argv.js';
import { containerDatabase } from './database-access.js';
import { composeComplaint, createDocker, failedCommand } from './docker.js';
import { explainDockerError, saysNotRunning } from './errors.js';
import type { NetworkInspect, VolumeInspect, VolumeUsage } from './inspect.js';
import { parseLogLine, serviceStatuses } from './parse.js';
import { surveyDocker } from './survey.js';

/** States of a container that `docker exec` reaches, or says itself why not. */
const RUNNING = new Set(['running', 'paused']);

export interface ComposeEngineDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  /**
   * Finds the container of a service where another than Compose made it.
   * @throws UserError SERVICE_NOT_RUNNING
   */
  containerOf?: (location: ProjectLocation, service: string) => Promise<string>;
  warn?: (message: string) => void;
}

/**
 * Docker Engine with Compose v2, driven through the `docker` client. What only some methods need is imported by
 * them: `ps` is on the clock.
 */
export function createComposeEngine({
  processes,
  env,
  warn = () => {},
  ...found
}: ComposeEngineDependencies): Engine {
  const containerOf = found.containerOf ?? composeContainer;
  const docker = createDocker(processes, env);
  const resolved = new Map<string, Promise<{ config: ComposeConfig; project: ComposeProject }>>();

  async function readConfig(
    location: ProjectLocation,
  ): Promise<{ config: ComposeConfig; project: ComposeProject }> {
    const { projectFromConfig } = await import('../../project/from-config.js');
    const result = await docker.run(argv.config(location), { cwd: location.directory, allowFailure: true });
    if (result.status === 0) {
      const config = JSON.parse(result.stdout) as ComposeConfig;
      return { config, project: projectFromConfig(config, location) };
    }
    const known = explainDockerError(failedCommand(result));
    if (known instanceof UserError && known.exitCode === ExitCode.engineUnavailable) throw known;
    // Compose names no line for most of what it refuses. Our own reader does.
    const { readProject } = await import('../../project/read.js');
    await readProject(location, env);
    throw new UserError({
      code: 'COMPOSE_INVALID',
      message: `Compose refuses the project: ${composeComplaint(result.stderr).trim()}`,
      hint: 'docker compose config',
      exitCode: ExitCode.projectInvalid,
      file: location.files.at(-1) as string,
    });
  }

  const resolve = async (location: ProjectLocation) => (await resolveConfig(location)).project;

  function resolveConfig(
    location: ProjectLocation,
  ): Promise<{ config: ComposeConfig; project: ComposeProject }> {
    // A command may edit a file and go on with what it says then.
    const key = location.files.map((file) => `${file} ${statSync(file).mtimeMs}`).join('\n');
    const known = resolved.get(key) ?? readConfig(location);
    resolved.set(key, known);
    return known;
  }

  /** The location for a command that makes containers. */
  async function carried(location: ProjectLocation, services: readonly string[]): Promise<ProjectLocation> {
    if (!location.host?.remote) return location;
    const { carryFiles } = await import('./carried-files.js');
    const { config, project } = await resolveConfig(location);
    return carryFiles(location, config, withDependencies(project, services), warn);
  }

  /** Statuses that say whose their ports are. */
  async function onMachine(
    { host }: ProjectLocation,
    statuses: readonly ServiceStatus[],
  ): Promise<ServiceStatus[]> {
    if (!host?.remote) return [...statuses];
    const { sshCommand } = await import('../../system/ssh/address.js');
    const { networkName } = await host.remote.connect();
    const machine = { name: networkName, ssh: sshCommand(host.remote.address) };
    return statuses.map((status) => ({ ...status, machine }));
  }

  /** Best effort: the next `up`, or `down`, does the same. */
  async function tidy(location: ProjectLocation): Promise<void> {
    if (!location.host?.remote) return;
    const { tidyCarried } = await import('./carried-files.js');
    await docker
      .containers(location.name)
      .then((containers) => containers.flatMap(({ Mounts }) => Mounts.map(({ Source }) => Source)))
      .then((mounted) => tidyCarried(location, mounted))
      .catch(() => {});
  }

  async function info(): Promise<EngineInfo> {
    const [server, compose] = await Promise.all([
      docker.run(argv.serverVersion()),
      docker.run(argv.composeVersion()),
    ]);
    return {
      kind: 'docker',
      version: server.stdout.trim(),
      composeVersion: compose.stdout.trim().replace(/^v/, ''),
      notices: [],
    };
  }

  async function* logs(location: ProjectLocation, options: LogOptions): AsyncGenerator<LogEntry> {
    const serviceOf = new Map<string, string>();
    for (const container of await docker.containers(location.name)) {
      const name = container.Name.replace(/^\//, '');
      const service = container.Config.Labels?.[LABEL_SERVICE] ?? name;
      serviceOf.set(name, service);
      serviceOf.set(name.replace(`${location.name}-`, ''), service);
    }
    const lines = processes.lines('docker', argv.logs(location, options), {
      cwd: location.directory,
      ...(options.signal ? { signal: options.signal } : {}),
    });
    try {
      for await (const line of lines) {
        const entry = parseLogLine(line);
        if (!entry) continue;
        // A container that came after we looked is named by Compose as `<service>-<number>`.
        const service = serviceOf.get(entry.container) ?? entry.container.replace(/-\d+$/, '');
        yield { service, line: entry.text, ...(entry.time ? { time: entry.time } : {}) };
      }
    } catch (error) {
      throw explainDockerError(error);
    }
  }

  /** Of several containers of a service, the one that `docker compose exec` takes. @throws UserError SERVICE_NOT_RUNNING */
  async function composeContainer(location: ProjectLocation, service: string): Promise<string> {
    const [first] = (await docker.containers(location.name))
      .filter(({ Config, State }) => Config.Labels?.[LABEL_SERVICE] === service && RUNNING.has(State.Status))
      .map(({ Id, Config }) => ({ id: Id, number: Number(Config.Labels?.[LABEL_NUMBER]) }))
      .sort((a, b) => a.number - b.number);
    if (!first) throw notRunning(service);
    return first.id;
  }

  async function passThrough(
    location: ProjectLocation,
    words: readonly string[],
    options: ExecOptions,
  ): Promise<number> {
    try {
      return await processes.passThrough('docker', words, {
        cwd: location.directory,
        ...(options.env ? { env: options.env } : {}),
        ...(options.stdin ? { stdin: options.stdin } : {}),
        ...(options.stdout ? { stdout: options.stdout } : {}),
      });
    } catch (error) {
      throw explainDockerError(error);
    }
  }

  async function pipe(
    location: ProjectLocation,
    service: string,
    command: readonly string[],
    { env: variables, user, ...streams }: PipeOptions,
  ): Promise<PipeResult> {
    const options = {
      ...(variables ? { env: variables } : {}),
      ...(user === undefined ? {} : { user }),
    };
    const container = await containerOf(location, service);
    const result = await docker.run(argv.exec(container, command, options), {
      ...streams,
      cwd: location.directory,
      allowFailure: true,
      ownSession: true,
      ...(variables ? { env: variables } : {}),
    });
    if (result.status === 0) return result;
    // The container went away in between. A program that ran in it has its own to say.
    if (saysNotRunning(result.stderr)) throw notRunning(service);
    const known = explainDockerError(failedCommand(result));
    if (known instanceof UserError && known.exitCode === ExitCode.engineUnavailable) throw known;
    return result;
  }

  async function exec(
    location: ProjectLocation,
    service: string,
    command: readonly string[],
    options: ExecOptions,
  ): Promise<number> {
    const container = await containerOf(location, service);
    return passThrough(location, argv.exec(container, command, options), options);
  }

  /** Runs a Compose command whose progress nobody reads; what it complains of is the error. */
  async function change(
    location: ProjectLocation,
    args: readonly string[],
    signal?: AbortSignal,
  ): Promise<void> {
    const result = await docker.run(args, {
      cwd: location.directory,
      allowFailure: true,
      ...(signal ? { signal } : {}),
    });
    if (result.status !== 0) throw explainDockerError(failedCommand(result, composeComplaint(result.stderr)));
  }

  async function portOwner(_location: ProjectLocation, port: number): Promise<PortOwner | undefined> {
    const [id] = await docker.list(argv.containerOnPort(port));
    if (!id) return undefined;
    const [container] = await docker.inspect<ContainerInspect>(argv.inspectContainers([id]));
    if (!container) return undefined;
    const labels = container.Config.Labels ?? {};
    const project = labels[LABEL_PROJECT];
    const service = labels[LABEL_SERVICE];
    return {
      instance: container.Name.replace(/^\//, ''),
      ...(project ? { project } : {}),
      ...(service ? { service } : {}),
    };
  }

  async function inspect(location: ProjectLocation, service: string): Promise<ServiceDetails[]> {
    const { serviceDetails } = await import('./inspect.js');
    const containers = (await docker.containers(location.name)).filter(
      ({ Config }) => Config.Labels?.[LABEL_SERVICE] === service,
    );
    if (containers.length === 0) throw notRunning(service);
    return containers.map(serviceDetails);
  }

  async function environments(
    location: ProjectLocation,
    services: readonly string[],
  ): Promise<Map<string, LiveEnvironment[]>> {
    const { liveEnvironments } = await import('./live-environment.js');
    const [project, containers] = await Promise.all([resolve(location), docker.containers(location.name)]);
    return liveEnvironments(docker, project, containers, services);
  }

  async function networks(location: ProjectLocation): Promise<NetworkStatus[]> {
    const ids = await docker.list(argv.networkIds(location.name));
    if (ids.length === 0) return [];
    const { networkStatuses } = await import('./inspect.js');
    return networkStatuses(
      await docker.inspect<NetworkInspect>(argv.inspectNetworks(ids)),
      await docker.containers(location.name),
    );
  }

  async function volumes(location: ProjectLocation): Promise<VolumeStatus[]> {
    const names = await docker.list(argv.volumeNames(location.name));
    if (names.length === 0) return [];
    const { volumeStatuses } = await import('./inspect.js');
    const [inspected, usage, attached] = await Promise.all([
      docker.inspect<VolumeInspect>(argv.inspectVolumes(names)),
      docker.run(argv.diskUsage()),
      docker.containers(location.name),
    ]);
    return volumeStatuses(inspected, JSON.parse(usage.stdout) as VolumeUsage[], attached);
  }

  return {
    kind: 'docker',
    info,
    resolve,
    async build(location, options, onStep) {
      const { buildImages } = await import('./build.js');
      return buildImages(docker, location, await resolve(location), options, onStep);
    },
    async up(location, options, onEvent) {
      const { bringUp } = await import('./up.js');
      const project = await resolve(location);
      const there = await carried(location, options.services);
      try {
        const outcome = await bringUp(docker, there, project, options, onEvent);
        return { ...outcome, services: await onMachine(location, outcome.services) };
      } finally {
        await tidy(location);
      }
    },
    async down(location, { volumes: all, signal }) {
      await change(location, argv.down(location, { volumes: all }), signal);
      if (!location.host?.remote) return;
      const { removeCarried } = await import('./carried-files.js');
      await removeCarried(location, all);
    },
    stop: (location, services) => change(location, argv.lifecycle(location, 'stop', services)),
    start: (location, services) => change(location, argv.lifecycle(location, 'start', services)),
    restart: (location, services) => change(location, argv.lifecycle(location, 'restart', services)),
    remove: (location, services, { stop }) => change(location, argv.remove(location, services, stop)),
    async status(location) {
      return onMachine(location, serviceStatuses(await docker.containers(location.name)));
    },
    logs,
    exec,
    pipe,
    database: (location, service) => containerDatabase({ exec, pipe }, location, service),
    async run(location, service, command, options) {
      const there = await carried(location, [service]);
      return passThrough(location, argv.run(there, service, command, options), options);
    },
    async forward(location, service, options) {
      const { forwardPort, forwardPublished } = await import('./forward.js');
      const { remote } = location.host ?? {};
      const status =
        remote &&
        serviceStatuses(await docker.containers(location.name)).find(({ name }) => name === service);
      const published = status?.ports.find(({ target }) => target === options.target);
      if (remote && published) return forwardPublished(remote, published, options.port);
      const containerId = await containerOf(location, service);
      return forwardPort(docker, { location, service, containerId, ...options });
    },
    portOwner,
    inspect,
    async imageEnvironments(images) {
      const { imageEnvironments } = await import('./image-environments.js');
      return imageEnvironments(docker, images);
    },
    environments,
    survey: (location, signal) => surveyDocker(processes, location, signal),
    networks,
    volumes,
    async removeVolume(_location, name) {
      await docker.run(argv.removeVolumes([name]));
    },
  };
}

function notRunning(service: string): UserError {
  return new UserError({
    code: 'SERVICE_NOT_RUNNING',
    message: `the service "${service}" is not running`,
    hint: `invctl up ${service}`,
  });
}
