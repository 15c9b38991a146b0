import type { ProjectLocation } from '../../project/locate.js';
import type { ProcessRunner } from '../../system/process.js';
import type { Engine, EngineInfo } from '../engine.js';
import * as argv from './argv.js';
import { containerDatabase } from './database-access.js';
import { composeComplaint, createDocker, type Docker, failedCommand } from './docker.js';
import { explainDockerError } from './errors.js';
import { logEntries } from './logs.js';
import { serviceStatuses } from './parse.js';
import { type ContainerOf, composeContainer, createPrograms, passThrough } from './programs.js';
import { carried, onMachine, tidy } from './remote-project.js';
import { createResolver } from './resolve.js';
import { surveyDocker } from './survey.js';

export interface ComposeEngineDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  /** Finds the container of a service that was not made by Compose. */
  containerOf?: ContainerOf;
  warn?: (message: string) => void;
}

/**
 * Docker Engine with Compose v2, driven by the `docker` client. Modules that only some methods need are
 * imported in those methods, to keep `ps` fast.
 */
export function createComposeEngine({
  processes,
  env,
  warn = () => {},
  ...found
}: ComposeEngineDependencies): Engine {
  const docker = createDocker(processes, env);
  const containerOf =
    found.containerOf ?? ((location, service) => composeContainer(docker, location, service));
  const programs = createPrograms(processes, docker, containerOf);
  const resolveConfig = createResolver(docker, env);
  const resolve = async (location: ProjectLocation) => (await resolveConfig(location)).project;
  const carry = (location: ProjectLocation, services: readonly string[]) =>
    carried(location, services, { resolve: () => resolveConfig(location), warn });

  return {
    kind: 'docker',
    info: () => engineInfo(docker),
    resolve,
    async build(location, options, onStep) {
      const { buildAndMeasure } = await import('./build.js');
      return buildAndMeasure(docker, location, await resolve(location), options, onStep);
    },
    async up(location, options, onEvent) {
      const { bringUp } = await import('./up.js');
      const project = await resolve(location);
      const there = await carry(location, options.services);
      try {
        const outcome = await bringUp(docker, there, project, options, onEvent);
        return { ...outcome, services: await onMachine(location, outcome.services) };
      } finally {
        await tidy(docker, location);
      }
    },
    async down(location, { volumes: all, signal }) {
      await change(docker, location, argv.down(location, { volumes: all }), signal);
      if (!location.host?.remote) return;
      const { removeCarried } = await import('./carried-files.js');
      await removeCarried(location, all);
    },
    stop: (location, services) => change(docker, location, argv.lifecycle(location, 'stop', services)),
    start: (location, services) => change(docker, location, argv.lifecycle(location, 'start', services)),
    restart: (location, services) => change(docker, location, argv.lifecycle(location, 'restart', services)),
    remove: (location, services, { stop }) => change(docker, location, argv.remove(location, services, stop)),
    async status(location) {
      return onMachine(location, serviceStatuses(await docker.containers(location.name)));
    },
    logs: (location, options) => logEntries({ processes, docker }, location, options),
    ...programs,
    database: (location, service) => containerDatabase(programs, location, service),
    async run(location, service, command, options) {
      const there = await carry(location, [service]);
      return passThrough(processes, location, argv.run(there, service, command, options), options);
    },
    async forward(location, service, options) {
      const { forward } = await import('./forward.js');
      return forward(docker, containerOf, { location, service, ...options });
    },
    async portOwner(_location, port) {
      const { portOwner } = await import('./inspect.js');
      return portOwner(docker, port);
    },
    async inspect(location, service) {
      const { inspectService } = await import('./inspect.js');
      return inspectService(docker, location, service);
    },
    async imageEnvironments(images) {
      const { imageEnvironments } = await import('./image-environments.js');
      return imageEnvironments(docker, images);
    },
    async environments(location, services) {
      const { liveEnvironments } = await import('./live-environment.js');
      const [project, containers] = await Promise.all([resolve(location), docker.containers(location.name)]);
      return liveEnvironments(docker, project, containers, services);
    },
    survey: (location, signal) => surveyDocker(processes, location, signal),
    async networks(location) {
      const { inspectNetworks } = await import('./inspect.js');
      return inspectNetworks(docker, location);
    },
    async volumes(location) {
      const { inspectVolumes } = await import('./inspect.js');
      return inspectVolumes(docker, location);
    },
    async removeVolume(_location, name) {
      await docker.run(argv.removeVolumes([name]));
    },
  };
}

async function engineInfo(docker: Docker): Promise<EngineInfo> {
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

/** Runs a Compose command without showing its progress; its complaint becomes the error. */
async function change(
  docker: Docker,
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
