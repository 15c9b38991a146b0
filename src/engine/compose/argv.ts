import type { ProjectLocation } from '../../project/locate.js';
import type { BuildOptions, ExecOptions, LogOptions } from '../engine.js';
import { LABEL_ONE_OFF, LABEL_PROJECT } from '../labels.js';

/** Every argument vector for `docker` that invctl runs. Pure: each function returns the words after `docker`. */

/** `docker compose …` for this project; run it in the project's folder. */
export function compose(location: ProjectLocation, ...args: readonly string[]): string[] {
  if (!location.explicitFiles) return ['compose', ...args];
  const files = location.files.flatMap((file) => ['--file', file]);
  // Named files make Compose forget the `.env` that named them.
  const envFiles = location.envFiles.flatMap((file) => ['--env-file', file]);
  return ['compose', ...envFiles, ...files, ...args];
}

export function serverVersion(): string[] {
  return ['version', '--format', '{{.Server.Version}}'];
}

export function composeVersion(): string[] {
  return ['compose', 'version', '--short'];
}

export function config(location: ProjectLocation): string[] {
  return compose(location, 'config', '--format', 'json');
}

/** Prints one service per line: its name, and the hash that Compose puts on its container as a label. */
export function configHashes(location: ProjectLocation): string[] {
  return compose(location, 'config', '--hash', '*');
}

/** As {@link config}, with one of the project's files read from standard input instead of from the disk. */
export function configWith(location: ProjectLocation, file: string): string[] {
  const files = location.files.map((one) => (one === file ? '-' : one));
  return compose(
    { ...location, files, explicitFiles: true },
    '--project-directory',
    location.directory,
    'config',
    '--format',
    'json',
  );
}

export function build(location: ProjectLocation, options: BuildOptions): string[] {
  return compose(
    location,
    '--progress',
    'plain',
    'build',
    ...(options.noCache ? ['--no-cache'] : []),
    ...(options.pull ? ['--pull'] : []),
    ...Object.entries(options.args ?? {}).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    '--',
    ...options.services,
  );
}

/**
 * Starts services in the background. Returns when all are started, without waiting until the last one is
 * healthy.
 */
export function up(
  location: ProjectLocation,
  services: readonly string[],
  {
    recreate = false,
    dependencies = true,
  }: { recreate?: boolean | undefined; dependencies?: boolean | undefined } = {},
): string[] {
  return compose(
    location,
    '--progress',
    'plain',
    'up',
    '--detach',
    '--no-build',
    '--quiet-pull',
    ...(recreate ? ['--force-recreate'] : []),
    ...(dependencies ? [] : ['--no-deps']),
    '--',
    ...services,
  );
}

/** Also removes what a profile started that is not on now: to Compose it is neither of the project nor an orphan. */
export function down(location: ProjectLocation, options: { volumes: boolean }): string[] {
  return compose(
    location,
    '--profile',
    '*',
    '--progress',
    'plain',
    'down',
    '--remove-orphans',
    ...(options.volumes ? ['--volumes'] : []),
  );
}

export function lifecycle(
  location: ProjectLocation,
  verb: 'stop' | 'start' | 'restart',
  services: readonly string[],
): string[] {
  return compose(location, '--progress', 'plain', verb, '--', ...services);
}

export function remove(location: ProjectLocation, services: readonly string[], stop: boolean): string[] {
  return compose(
    location,
    '--progress',
    'plain',
    'rm',
    '--force',
    ...(stop ? ['--stop'] : []),
    '--',
    ...services,
  );
}

/** Lists the containers of the project, one id per line: stopped ones too, one-off ones not. */
export function containerIds(projectName: string): string[] {
  return [
    'ps',
    '--all',
    '--quiet',
    '--no-trunc',
    '--filter',
    `label=${LABEL_PROJECT}=${projectName}`,
    '--filter',
    `label=${LABEL_ONE_OFF}=False`,
  ];
}

/** Lists the containers of single runs (`docker compose run`) of a project. */
export function oneOffIds(projectName: string): string[] {
  const labels = [`${LABEL_PROJECT}=${projectName}`, `${LABEL_ONE_OFF}=True`];
  return [
    'ps',
    '--all',
    '--quiet',
    '--no-trunc',
    ...labels.flatMap((label) => ['--filter', `label=${label}`]),
  ];
}

/** Finds the running container that publishes a port, whatever project it belongs to. */
export function containerOnPort(port: number): string[] {
  return ['ps', '--quiet', '--no-trunc', '--filter', `publish=${port}`];
}

export function inspectContainers(ids: readonly string[]): string[] {
  return ['container', 'inspect', ...ids];
}

/** @param since Unix time in seconds, fractions allowed. */
export function events(projectName: string, since: number): string[] {
  return [
    'events',
    '--since',
    since.toFixed(9),
    '--filter',
    'type=container',
    '--filter',
    `label=${LABEL_PROJECT}=${projectName}`,
    '--format',
    '{{json .}}',
  ];
}

export function removeContainers(ids: readonly string[]): string[] {
  return ['container', 'rm', '--force', '--volumes', ...ids];
}

export function inspectImages(images: readonly string[]): string[] {
  return ['image', 'inspect', ...images];
}

export function pullImage(image: string): string[] {
  return ['image', 'pull', '--quiet', '--', image];
}

export function logs(location: ProjectLocation, options: LogOptions): string[] {
  return compose(
    location,
    'logs',
    '--no-color',
    '--timestamps',
    ...(options.follow ? ['--follow'] : []),
    ...(options.tail === undefined ? [] : ['--tail', String(options.tail)]),
    ...(options.since === undefined ? [] : ['--since', options.since]),
    '--',
    ...options.services,
  );
}

/**
 * Runs a program in a running container. It takes half the time of `docker compose exec`, which reads the
 * project again.
 */
export function exec(containerId: string, command: readonly string[], options: ExecOptions): string[] {
  return [
    'exec',
    '--interactive',
    ...(options.tty ? ['--tty'] : []),
    ...processOptions(options),
    containerId,
    ...command,
  ];
}

/** @param options.volumes more mounts, as `SOURCE:TARGET:ro`. */
export function run(
  location: ProjectLocation,
  service: string,
  command: readonly string[],
  options: ExecOptions & { volumes?: readonly string[] },
): string[] {
  return compose(
    location,
    '--progress',
    'quiet',
    'run',
    '--rm',
    ...(options.tty ? [] : ['--no-TTY']),
    ...processOptions(options),
    ...(options.volumes ?? []).flatMap((volume) => ['--volume', volume]),
    '--',
    service,
    ...command,
  );
}

/**
 * The values are passed in the child's environment, because every user of the machine can read an argument
 * vector.
 */
function processOptions(options: ExecOptions): string[] {
  return [
    ...Object.keys(options.env ?? {}).flatMap((name) => ['--env', name]),
    ...(options.user === undefined ? [] : ['--user', options.user]),
    ...(options.workdir === undefined ? [] : ['--workdir', options.workdir]),
  ];
}

/** Lists the volumes that Compose made for the project. */
export function volumeNames(projectName: string): string[] {
  return ['volume', 'ls', '--quiet', '--filter', `label=${LABEL_PROJECT}=${projectName}`];
}

export function inspectVolumes(names: readonly string[]): string[] {
  return ['volume', 'inspect', ...names];
}

/** Reports the sizes of volumes; no other command has them. */
export function diskUsage(): string[] {
  return ['system', 'df', '--verbose', '--format', '{{json .Volumes}}'];
}

/** Makes a volume as Compose does for a key under `volumes`, so that Compose accepts it as its own. */
export function createVolume(projectName: string, key: string, name: string): string[] {
  const label = (suffix: string, value: string) => ['--label', `com.docker.compose.${suffix}=${value}`];
  return ['volume', 'create', ...label('project', projectName), ...label('volume', key), name];
}

/** Lists the names of the containers that have a volume: of any project, stopped ones too. */
export function containersWithVolume(name: string): string[] {
  return ['ps', '--all', '--filter', `volume=${name}`, '--format', '{{.Names}}'];
}

/** Runs a program of an image on a volume, in a container of its own without a network. */
export function runOnVolume(
  image: string,
  volume: { name: string; target: string },
  options: { user: string; environment: Record<string, string> },
  command: readonly string[],
): string[] {
  const environment = Object.entries(options.environment).flatMap(([name, value]) => [
    '--env',
    `${name}=${value}`,
  ]);
  return [
    ...['run', '--rm', '--interactive', '--pull', 'never', '--network', 'none', '--entrypoint', ''],
    ...[
      '--user',
      options.user,
      ...environment,
      '--volume',
      `${volume.name}:${volume.target}`,
      image,
      ...command,
    ],
  ];
}

export function removeVolumes(names: readonly string[]): string[] {
  return ['volume', 'rm', ...names];
}

export function networkIds(projectName: string): string[] {
  return ['network', 'ls', '--quiet', '--filter', `label=${LABEL_PROJECT}=${projectName}`];
}

export function inspectNetworks(names: readonly string[]): string[] {
  return ['network', 'inspect', ...names];
}
