import { existsSync, realpathSync } from 'node:fs';
import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeProject, withDependencies } from '../../project/model.js';
import { type PresentMount, type ReplacedVolume, replacedVolumes } from '../../project/replaced-volumes.js';
import type { RunResult } from '../../system/process.js';
import type {
  BuildOptions,
  OutdatedImage,
  RunningStep,
  ServiceEvent,
  UpOptions,
  UpOutcome,
} from '../engine.js';
import { LABEL_CONFIG_HASH, LABEL_FILES, LABEL_FOLDER } from '../labels.js';
import type { ServiceStatus } from '../service-status.js';
import type { ContainerInspect } from '../survey.js';
import * as argv from './argv.js';
import { argumentsToCheckLater, buildImages } from './build.js';
import { BuiltImages } from './built-images.js';
import { composeComplaint, type Docker, failedCommand } from './docker.js';
import { explainDockerError } from './errors.js';
import { containerStatus, serviceStatuses } from './parse.js';
import { ContainerWatch } from './watch.js';

/** See `Engine.up`. An abort removes what this call made. */
export async function bringUp(
  docker: Docker,
  location: ProjectLocation,
  project: ComposeProject,
  options: UpOptions,
  onEvent: (event: ServiceEvent) => void,
): Promise<UpOutcome> {
  const wanted = withDependencies(project, options.services);
  const status = async (): Promise<ServiceStatus[]> =>
    serviceStatuses(await docker.containers(location.name)).filter(({ name }) => wanted.has(name));

  if (location.host?.remote) {
    const started = Date.now();
    const { shipImages } = await import('./shipped-images.js');
    await shipImages(docker, location, project, wanted, {
      builds: options.build !== 'none',
      signal: options.signal,
      onShipped: (service, image, bytes, of) =>
        onEvent({
          service,
          phase: 'building',
          elapsedMs: Date.now() - started,
          detail:
            of === undefined ? `sending the new layers of ${image}` : `sending ${image}, ${megabytes(of)}`,
          ...(bytes === 0
            ? {}
            : { output: of === undefined ? megabytes(bytes) : `${megabytes(bytes)} of ${megabytes(of)}` }),
        }),
    });
  }
  let before: ReturnType<typeof stateBefore> | undefined;
  const readState = () => (before ??= stateBefore(docker, location, project, options));
  // Where something is to be built again, that begins first.
  if (!options.onlyRebuilt) readState();
  const { outdated, unchecked } = await buildWhatIsAsked(
    docker,
    location,
    project,
    { ...options, wanted },
    (event) => {
      readState();
      onEvent(event);
    },
  ).finally(
    // What a check found says more than the build that failed of it.
    () => options.checks,
  );
  const rebuilt = new Set(outdated.map(({ service }) => service));
  const { asWritten, volumes, replaced, otherFolder } = await readState();
  // A container that Compose leaves as it is keeps its volume: for a volume's name, it makes none anew.
  const leftBehind = async () => {
    if (replaced.length === 0) return [];
    const still = replacedVolumes(project, presentMounts(await docker.containers(location.name)));
    const kept = new Set(still.map(({ service, path }) => `${service} ${path}`));
    return replaced.filter(({ service, path }) => wanted.has(service) && !kept.has(`${service} ${path}`));
  };
  const replaceAlone = asWritten && standsAlone(project, wanted, rebuilt, asWritten);
  const watch = new ContainerWatch(onEvent);
  watch.open(docker.processes, location.name, location.directory);
  try {
    const result = await startContainers(
      docker,
      location,
      replaceAlone ? { ...options, services: [...rebuilt] } : options,
      { dependencies: !replaceAlone },
    );
    if (result !== 'late' && result.status !== 0) {
      const statuses = await status();
      return {
        services: statuses,
        seconds: watch.seconds(),
        failed: whyFailed(statuses, result),
        unchanged: [],
        outdated,
        replaced: await leftBehind(),
        ...(otherFolder === undefined ? {} : { otherFolder }),
      };
    }
    const { statuses, failed } =
      options.wait || result === 'late'
        ? await watch.untilReady(options, status)
        : { statuses: await status(), failed: [] };
    return {
      services: statuses,
      seconds: watch.seconds(),
      failed,
      unchanged: statuses.map(({ name }) => name).filter((name) => !watch.touchedServices.has(name)),
      outdated,
      unchecked,
      replaced: await leftBehind(),
      ...(otherFolder === undefined ? {} : { otherFolder }),
    };
  } catch (error) {
    if (options.signal?.aborted) await undo(docker, location, watch.createdIds, volumes);
    throw error;
  } finally {
    await watch.close();
  }
}

/** What is there before anything is started. */
function stateBefore(
  docker: Docker,
  location: ProjectLocation,
  project: ComposeProject,
  { onlyRebuilt = false }: UpOptions,
): Promise<{
  asWritten?: ReadonlySet<string>;
  volumes: ReadonlySet<string>;
  replaced: readonly ReplacedVolume[];
  otherFolder: string | undefined;
}> {
  const state = Promise.all([
    onlyRebuilt ? servicesAsWritten(docker, location) : undefined,
    docker.list(argv.volumeNames(location.name)),
    docker.containers(location.name).catch(() => []),
  ]).then(([asWritten, volumes, containers]) => ({
    ...(asWritten && { asWritten }),
    volumes: new Set(volumes),
    replaced: replacedVolumes(project, presentMounts(containers)),
    otherFolder: location.host ? undefined : folderOf(containers, location),
  }));
  // Until it is awaited, a rejection must not end the process.
  state.catch(() => {});
  return state;
}

/** Another folder that containers were started from, as long as their compose file is still there: it was not renamed. */
function folderOf(
  containers: readonly ContainerInspect[],
  { directory }: ProjectLocation,
): string | undefined {
  const own = realpathSync(directory);
  return containers
    .map(({ Config: { Labels } }) => ({
      folder: Labels?.[LABEL_FOLDER],
      files: Labels?.[LABEL_FILES]?.split(',') ?? [],
    }))
    .filter(({ files }) => files.some((file) => existsSync(file)))
    .map(({ folder }) => folder)
    .find((folder) => folder !== undefined && existsSync(folder) && realpathSync(folder) !== own);
}

function presentMounts(containers: readonly ContainerInspect[]): Map<string, PresentMount[]> {
  return new Map(
    containers.map((container) => [
      containerStatus(container).name,
      container.Mounts.map(({ Type, Name, Destination }) => ({ type: Type, name: Name, path: Destination })),
    ]),
  );
}

/** Compose itself waits without limit for dependencies that must be healthy first. */
async function startContainers(
  docker: Docker,
  location: ProjectLocation,
  { services, timeoutMs, recreate, signal }: UpOptions,
  { dependencies }: { dependencies: boolean },
): Promise<RunResult | 'late'> {
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    return await docker.run(argv.up(location, services, { recreate, dependencies }), {
      cwd: location.directory,
      allowFailure: true,
      ownSession: true,
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
  } catch (error) {
    if (deadline.aborted && !signal?.aborted) return 'late';
    throw error;
  }
}

/**
 * Returns the services with one container that runs, is not unhealthy, and was made from the present files.
 * Returns none if that is unknown.
 */
async function servicesAsWritten(docker: Docker, location: ProjectLocation): Promise<ReadonlySet<string>> {
  const asked = Promise.all([
    docker.run(argv.configHashes(location), { cwd: location.directory }),
    docker.containers(location.name),
  ]);
  const [hashes, containers] = await asked.catch(() => [undefined, []] as const);
  const written = new Set(hashes?.stdout.split('\n'));
  const services = containers.map((container) => ({
    ...containerStatus(container),
    hash: container.Config.Labels?.[LABEL_CONFIG_HASH],
  }));
  const alone = (name: string) => services.filter((one) => one.name === name).length === 1;
  return new Set(
    services
      .filter(({ state, health }) => state === 'running' && (health === 'healthy' || health === 'none'))
      .filter(({ name, hash }) => written.has(`${name} ${hash}`) && alone(name))
      .map(({ name }) => name),
  );
}

/** Whether only `rebuilt` has to be started: no other service changed or depends on one of them. */
function standsAlone(
  project: ComposeProject,
  wanted: ReadonlySet<string>,
  rebuilt: ReadonlySet<string>,
  asWritten: ReadonlySet<string>,
): boolean {
  const others = [...wanted].filter((name) => !rebuilt.has(name));
  return (
    rebuilt.size > 0 &&
    others.every((name) => {
      const service = project.services[name];
      const follows = Object.keys(service?.dependsOn ?? {}).some((dependency) => rebuilt.has(dependency));
      return asWritten.has(name) && !follows && !service?.networkMode?.startsWith('service:');
    })
  );
}

/** @throws UserError IMAGE_MISSING, BUILD_FAILED */
async function buildWhatIsAsked(
  docker: Docker,
  location: ProjectLocation,
  project: ComposeProject,
  {
    wanted,
    build = 'missing',
    checkLater = false,
    signal,
  }: Pick<UpOptions, 'build' | 'checkLater' | 'signal'> & { wanted: ReadonlySet<string> },
  onEvent: (event: ServiceEvent) => void,
): Promise<Required<Pick<UpOutcome, 'outdated' | 'unchecked'>>> {
  const images = new BuiltImages(docker, location, project);
  const missing = await images.missing(wanted);
  const outdated = build === 'changed' || build === 'none' ? await images.outdated(wanted) : [];
  if (build === 'none') {
    const [first] = missing;
    if (first !== undefined) throw imageMissing(first);
    return { outdated, unchecked: [] };
  }
  const services =
    build === 'all'
      ? [...wanted].filter((name) => project.services[name]?.build)
      : [...missing, ...outdated.map(({ service }) => service)];
  if (services.length === 0) return { outdated, unchecked: [] };
  const args =
    checkLater && missing.length === 0 ? await argumentsToCheckLater(project, services) : undefined;
  await buildServices(docker, location, project, { services, outdated, args, signal }, onEvent);
  return { outdated, unchecked: args ? services : [] };
}

async function buildServices(
  docker: Docker,
  location: ProjectLocation,
  project: ComposeProject,
  {
    services,
    outdated,
    args,
    signal,
  }: {
    services: readonly string[];
    outdated: readonly OutdatedImage[];
    args: BuildOptions['args'];
    signal: AbortSignal | undefined;
  },
  onEvent: (event: ServiceEvent) => void,
): Promise<void> {
  const started = Date.now();
  const say = (service: string, step: Partial<RunningStep>) =>
    onEvent({
      service,
      phase: 'building',
      elapsedMs: Date.now() - started,
      ...(step.name === undefined ? {} : { detail: step.name }),
      ...(step.output === undefined ? {} : { output: step.output }),
    });
  for (const service of services) {
    say(service, outdated.some((one) => one.service === service) ? { name: 'its source has changed' } : {});
  }
  await buildImages(
    docker,
    location,
    project,
    {
      services,
      ...(args ? { args } : {}),
      onRunning: (step) => say(step.service, step),
      ...(signal ? { signal } : {}),
    },
    () => {},
  );
}

function imageMissing(service: string): UserError {
  return new UserError({
    code: 'IMAGE_MISSING',
    message: `"${service}" has no image yet, and --no-build keeps it from being built`,
    hint: `invctl build ${service}      (or leave --no-build away)`,
    details: { service },
  });
}

/** @throws docker's own error if no service's state explains the failure */
function whyFailed(statuses: readonly ServiceStatus[], result: RunResult): UpOutcome['failed'] {
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
    throw explainDockerError(failedCommand(result, composeComplaint(result.stderr)));
  }
  for (const { name, state } of statuses) {
    if (state === 'created') failed.push({ service: name, reason: 'dependency' });
  }
  return failed;
}

/**
 * Removes what an interrupted `up` made. A volume that it created may hold a half-initialised cluster, which
 * the next `up` would take for a complete one.
 */
async function undo(
  docker: Docker,
  location: ProjectLocation,
  createdIds: readonly string[],
  volumesBefore: ReadonlySet<string>,
): Promise<void> {
  const anyway = { allowFailure: true };
  if (createdIds.length > 0) await docker.run(argv.removeContainers(createdIds), anyway);
  const volumes = (await docker.list(argv.volumeNames(location.name))).filter(
    (name) => !volumesBefore.has(name),
  );
  if (volumes.length > 0) await docker.run(argv.removeVolumes(volumes), anyway);
  if ((await docker.containers(location.name)).length === 0) {
    await docker.run(argv.down(location, { volumes: false }), { cwd: location.directory, ...anyway });
  }
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
