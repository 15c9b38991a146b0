import { CommandError, ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeProject, withDependencies } from '../../project/model.js';
import type { ProcessRunner, RunOptions, RunResult } from '../../system/process.js';
import type {
  BuildOptions,
  BuildResult,
  BuildStep,
  Engine,
  EngineInfo,
  ExecOptions,
  LogEntry,
  LogOptions,
  NetworkStatus,
  PortOwner,
  ServiceDetails,
  ServiceEvent,
  ServiceStatus,
  UpOptions,
  UpOutcome,
  VolumeStatus,
} from '../engine.js';
import * as argv from './argv.js';
import { baseImage, imageName } from './build.js';
import { explainDockerError } from './errors.js';
import type { NetworkInspect, VolumeInspect, VolumeUsage } from './inspect.js';
import { BuildLogReader, type ContainerInspect, parseLogLine, serviceStatuses } from './parse.js';
import { ContainerWatch, composeComplaint } from './up.js';

export interface ComposeEngineDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
}

/** Docker Engine with Compose v2, driven through the `docker` client. */
export function createComposeEngine({ processes, env }: ComposeEngineDependencies): Engine {
  const resolved = new Map<string, Promise<ComposeProject>>();

  async function docker(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    try {
      return await processes.run('docker', args, options);
    } catch (error) {
      throw explainDockerError(error);
    }
  }

  /** Runs `docker … inspect` and parses its JSON. Objects that went away meanwhile are left out. */
  async function inspect<T>(args: readonly string[]): Promise<T[]> {
    const result = await docker(args, { allowFailure: true });
    if (result.status !== 0 && !/no such/i.test(result.stderr)) {
      throw explainDockerError(commandError(result));
    }
    return JSON.parse(result.stdout || '[]') as T[];
  }

  async function ids(args: readonly string[]): Promise<string[]> {
    return (await docker(args)).stdout.split('\n').filter((line) => line !== '');
  }

  async function containers(location: ProjectLocation): Promise<ContainerInspect[]> {
    const found = await ids(argv.containerIds(location.name));
    return found.length === 0 ? [] : inspect<ContainerInspect>(argv.inspectContainers(found));
  }

  async function status(location: ProjectLocation): Promise<ServiceStatus[]> {
    return serviceStatuses(await containers(location));
  }

  async function readConfig(location: ProjectLocation): Promise<ComposeProject> {
    const { projectFromConfig } = await import('../../project/from-config.js');
    const result = await docker(argv.config(location), { cwd: location.directory, allowFailure: true });
    if (result.status === 0) return projectFromConfig(JSON.parse(result.stdout), location);
    const known = explainDockerError(commandError(result));
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

  function resolve(location: ProjectLocation): Promise<ComposeProject> {
    const key = location.files.join('\n');
    const known = resolved.get(key) ?? readConfig(location);
    resolved.set(key, known);
    return known;
  }

  async function build(
    location: ProjectLocation,
    options: BuildOptions,
    onStep: (step: BuildStep) => void,
  ): Promise<BuildResult[]> {
    const project = await resolve(location);
    const services = Object.values(project.services).filter(
      (service) =>
        service.build && (options.services.length === 0 || options.services.includes(service.name)),
    );
    const steps: BuildStep[] = [];
    const reader = new BuildLogReader();
    const started = Date.now();
    const read = (line: string) => {
      const step = reader.read(line);
      if (!step) return;
      steps.push(step);
      onStep(step);
    };
    const output: string[] = [];
    try {
      // Compose 2.26 prints the build log on stdout, later versions on stderr.
      const lines = processes.lines('docker', argv.build(location, options), {
        cwd: location.directory,
        ...(options.signal ? { signal: options.signal } : {}),
        onStderrLine: read,
      });
      for await (const line of lines) {
        output.push(line);
        read(line);
      }
    } catch (error) {
      if (error instanceof CommandError) throw buildError(explainDockerError(error), output);
      throw explainDockerError(error);
    }
    const seconds = (Date.now() - started) / 1000;
    return Promise.all(
      services.map(async (service) => {
        const image = imageName(project, service);
        const base = await baseImage(service);
        const [built] = await inspect<{ Size: number }>(argv.inspectImages([image]));
        const [from] = base ? await inspect<{ Size: number }>(argv.inspectImages([base])) : [];
        return {
          service: service.name,
          image,
          ...(built ? { bytes: built.Size } : {}),
          ...(from ? { baseBytes: from.Size } : {}),
          steps: steps.filter((step) => step.service === service.name),
          seconds,
        };
      }),
    );
  }

  /** Services that are to be built and have no image yet. */
  async function unbuilt(project: ComposeProject, wanted: ReadonlySet<string>): Promise<string[]> {
    const services = Object.values(project.services).filter(
      ({ name, build: has }) => has && wanted.has(name),
    );
    if (services.length === 0) return [];
    const images = services.map((service) => imageName(project, service));
    const found = await inspect<{ RepoTags: string[] | null }>(argv.inspectImages(images));
    const tags = new Set(found.flatMap(({ RepoTags }) => RepoTags ?? []));
    const has = (image: string) => tags.has(image) || tags.has(`${image}:latest`);
    return services.filter((_, index) => !has(images[index] as string)).map(({ name }) => name);
  }

  async function up(
    location: ProjectLocation,
    options: UpOptions,
    onEvent: (event: ServiceEvent) => void,
  ): Promise<UpOutcome> {
    const started = Date.now();
    const project = await resolve(location);
    const wanted = withDependencies(project, options.services);
    const toBuild = options.build
      ? [...wanted].filter((name) => project.services[name]?.build)
      : await unbuilt(project, wanted);
    if (toBuild.length > 0) {
      const say = (service: string, detail?: string) =>
        onEvent({
          service,
          phase: 'building',
          elapsedMs: Date.now() - started,
          ...(detail === undefined ? {} : { detail }),
        });
      for (const service of toBuild) say(service);
      await build(
        location,
        { services: toBuild, ...(options.signal ? { signal: options.signal } : {}) },
        ({ service, name, cached }) => say(service, cached ? `${name} (cached)` : name),
      );
    }

    const volumesBefore = new Set(await ids(argv.volumeNames(location.name)));
    const watch = new ContainerWatch(onEvent);
    watch.open(processes, location.name, location.directory);
    try {
      const result = await docker(argv.up(location, options.services), {
        cwd: location.directory,
        allowFailure: true,
        ...(options.signal ? { signal: options.signal } : {}),
      });
      if (result.status !== 0) return await whyUpFailed(location, watch, wanted, result);
      const { statuses, failed } = options.wait
        ? await watch.untilReady(wanted, options, () => status(location))
        : { statuses: (await status(location)).filter(({ name }) => wanted.has(name)), failed: [] };
      return {
        services: statuses,
        seconds: watch.seconds(),
        failed,
        unchanged: statuses.map(({ name }) => name).filter((name) => !watch.touchedServices.has(name)),
      };
    } catch (error) {
      if (options.signal?.aborted) await undo(location, watch.createdIds, volumesBefore);
      throw error;
    } finally {
      await watch.close();
    }
  }

  async function whyUpFailed(
    location: ProjectLocation,
    watch: ContainerWatch,
    wanted: ReadonlySet<string>,
    result: RunResult,
  ): Promise<UpOutcome> {
    const statuses = (await status(location)).filter(({ name }) => wanted.has(name));
    const failed: UpOutcome['failed'] = [];
    for (const { name, state, health, exitCode } of statuses) {
      if (health === 'unhealthy') failed.push({ service: name, reason: 'unhealthy' });
      else if (state === 'restarting') failed.push({ service: name, reason: 'restarting' });
      else if ((state === 'exited' || state === 'dead') && exitCode !== 0) {
        failed.push({ service: name, reason: 'exited' });
      }
    }
    if (
      failed.length === 0 ||
      !/dependency failed|is unhealthy|didn't complete|exited \(/.test(result.stderr)
    ) {
      throw explainDockerError(commandError(result, composeComplaint(result.stderr)));
    }
    for (const { name, state } of statuses) {
      if (state === 'created') failed.push({ service: name, reason: 'dependency' });
    }
    return { services: statuses, seconds: watch.seconds(), failed, unchanged: [] };
  }

  /**
   * Takes back what an interrupted `up` made. A volume that did not exist before holds at most a half-initialised
   * cluster, which the next `up` would take for a whole one.
   */
  async function undo(
    location: ProjectLocation,
    createdIds: readonly string[],
    volumesBefore: ReadonlySet<string>,
  ): Promise<void> {
    if (createdIds.length > 0) await docker(argv.removeContainers(createdIds), { allowFailure: true });
    const created = (await ids(argv.volumeNames(location.name))).filter((name) => !volumesBefore.has(name));
    if (created.length > 0) await docker(argv.removeVolumes(created), { allowFailure: true });
    if ((await containers(location)).length === 0) {
      await docker(argv.down(location, { volumes: false }), { cwd: location.directory, allowFailure: true });
    }
  }

  async function info(): Promise<EngineInfo> {
    const [server, compose] = await Promise.all([
      docker(argv.serverVersion()),
      docker(argv.composeVersion()),
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
    for (const container of await containers(location)) {
      const name = container.Name.replace(/^\//, '');
      const service = container.Config.Labels?.[argv.LABEL_SERVICE] ?? name;
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

  function inService(
    args: (
      location: ProjectLocation,
      service: string,
      command: readonly string[],
      options: ExecOptions,
    ) => readonly string[],
  ) {
    return async (
      location: ProjectLocation,
      service: string,
      command: readonly string[],
      options: ExecOptions,
    ): Promise<number> => {
      try {
        return await processes.passThrough('docker', args(location, service, command, options), {
          cwd: location.directory,
          ...(options.env ? { env: options.env } : {}),
          ...(options.stdin ? { stdin: options.stdin } : {}),
          ...(options.stdout ? { stdout: options.stdout } : {}),
        });
      } catch (error) {
        throw explainDockerError(error);
      }
    };
  }

  async function quietly(
    location: ProjectLocation,
    args: readonly string[],
    signal?: AbortSignal,
  ): Promise<void> {
    try {
      await docker(args, { cwd: location.directory, ...(signal ? { signal } : {}) });
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new CommandError({
        argv: error.argv,
        status: error.status,
        signal: error.signal,
        stderrTail: composeComplaint(error.stderrTail),
      });
    }
  }

  async function portOwner(_location: ProjectLocation, port: number): Promise<PortOwner | undefined> {
    const [id] = await ids(['ps', '--quiet', '--no-trunc', '--filter', `publish=${port}`]);
    if (!id) return undefined;
    const [container] = await inspect<ContainerInspect>(argv.inspectContainers([id]));
    if (!container) return undefined;
    const labels = container.Config.Labels ?? {};
    const project = labels[argv.LABEL_PROJECT];
    const service = labels[argv.LABEL_SERVICE];
    return {
      instance: container.Name.replace(/^\//, ''),
      ...(project ? { project } : {}),
      ...(service ? { service } : {}),
    };
  }

  async function details(location: ProjectLocation, service: string): Promise<ServiceDetails[]> {
    const { serviceDetails } = await import('./inspect.js');
    const found = (await containers(location)).filter(
      ({ Config }) => Config.Labels?.[argv.LABEL_SERVICE] === service,
    );
    if (found.length === 0) {
      throw new UserError({
        code: 'SERVICE_NOT_RUNNING',
        message: `the service "${service}" has no container`,
        hint: `invctl up ${service}`,
      });
    }
    return found.map((container) => serviceDetails(container));
  }

  async function networks(location: ProjectLocation): Promise<NetworkStatus[]> {
    const found = await ids(argv.networkIds(location.name));
    if (found.length === 0) return [];
    const { networkStatuses } = await import('./inspect.js');
    return networkStatuses(
      await inspect<NetworkInspect>(argv.inspectNetworks(found)),
      await containers(location),
    );
  }

  async function volumes(location: ProjectLocation): Promise<VolumeStatus[]> {
    const found = await ids(argv.volumeNames(location.name));
    if (found.length === 0) return [];
    const { volumeStatuses } = await import('./inspect.js');
    const [inspected, usage, attached] = await Promise.all([
      inspect<VolumeInspect>(argv.inspectVolumes(found)),
      docker(argv.diskUsage()),
      containers(location),
    ]);
    return volumeStatuses(inspected, JSON.parse(usage.stdout) as VolumeUsage[], attached);
  }

  async function removeVolume(_location: ProjectLocation, name: string): Promise<void> {
    await docker(argv.removeVolumes([name]));
  }

  return {
    kind: 'docker',
    info,
    resolve,
    build,
    up,
    down: (location, { volumes: all, signal }) =>
      quietly(location, argv.down(location, { volumes: all }), signal),
    stop: (location, services) => quietly(location, argv.lifecycle(location, 'stop', services)),
    start: (location, services) => quietly(location, argv.lifecycle(location, 'start', services)),
    restart: (location, services) => quietly(location, argv.lifecycle(location, 'restart', services)),
    remove: (location, services, { stop }) => quietly(location, argv.remove(location, services, stop)),
    status,
    logs,
    exec: inService(argv.exec),
    run: inService(argv.run),
    portOwner,
    inspect: details,
    networks,
    volumes,
    removeVolume,
  };
}

function commandError(result: RunResult, complaint = result.stderr): CommandError {
  return new CommandError({
    argv: result.argv,
    status: result.status,
    signal: result.signal,
    stderrTail: complaint.trim(),
  });
}

/** A failed build says why in the last lines of its log, before BuildKit's own summary. */
function buildError(error: unknown, output: readonly string[]): unknown {
  if (!(error instanceof CommandError)) return error;
  const log = [...output, ...error.stderrTail.split('\n')].filter((line) => line.trim() !== '');
  return new UserError({
    code: 'BUILD_FAILED',
    message: `the image was not built:\n${log.slice(-15).join('\n')}`,
    hint: 'mend what the last lines name, then: invctl build',
    cause: error,
  });
}
