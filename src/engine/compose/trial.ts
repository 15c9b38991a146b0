import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { writeFileAtomic } from '../../system/files.js';
import type { ProcessRunner, RunOptions } from '../../system/process.js';
import type { Engine } from '../engine.js';
import * as argv from './argv.js';
import { composeComplaint, createDocker, failedCommand } from './docker.js';
import { createComposeEngine } from './engine.js';
import { explainDockerError } from './errors.js';
import { type ComposeConfig, type TrialInput, trialProject } from './trial-project.js';

export interface TrialDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
}

/** A project of its own on the Docker engine, made of services of another. */
export interface Trial {
  engine: Engine;
  location: ProjectLocation;
}

/** Where a trial's compose file lies, and what its project is called: enough to remove it. */
export interface TrialPlace {
  name: string;
  /** Absolute. */
  file: string;
}

/** Writes the trial's compose file and gives the engine that knows the values of its variables. */
export async function prepareTrial(
  dependencies: TrialDependencies,
  config: ComposeConfig,
  place: TrialPlace,
  input: Omit<TrialInput, 'name'>,
): Promise<Trial> {
  const { document, values } = trialProject(config, { ...input, name: place.name });
  await mkdir(dirname(place.file), { recursive: true });
  await writeFileAtomic(place.file, JSON.stringify(document, null, 2), 0o600);
  return openTrial(dependencies, place, values);
}

/** Without the values of its variables, a trial can be looked at and removed. */
function openTrial(
  { processes, env }: TrialDependencies,
  { name, file }: TrialPlace,
  values: Record<string, string> = {},
): Trial {
  const own = { ...values, COMPOSE_PROJECT_NAME: name, COMPOSE_PROFILES: undefined };
  const withValues = <Options extends Pick<RunOptions, 'env'>>(options: Options | undefined) => ({
    ...options,
    env: { ...own, ...options?.env },
  });
  return {
    engine: createComposeEngine({
      processes: {
        ...processes,
        run: (program, args, options) => processes.run(program, args, withValues(options)),
        lines: (program, args, options) => processes.lines(program, args, withValues(options)),
        passThrough: (program, args, options) => processes.passThrough(program, args, withValues(options)),
      },
      env,
    }),
    location: { name, directory: dirname(file), files: [file], explicitFiles: true, envFiles: [] },
  };
}

/** Removes all that a trial has on the engine, but for the volume that was given to it, and its file. */
export async function removeTrial(dependencies: TrialDependencies, place: TrialPlace): Promise<void> {
  const { engine, location } = openTrial(dependencies, place);
  if ((await engine.status(location)).length > 0 || (await engine.volumes(location)).length > 0) {
    await engine.down(location, { volumes: true });
  }
  await rm(place.file, { force: true });
}

/**
 * The project as Compose reads it with another text for one of its files.
 * @throws UserError COMPOSE_INVALID (exit 4)
 */
export async function configWith(
  { processes, env }: TrialDependencies,
  location: ProjectLocation,
  file: string,
  text: string,
): Promise<ComposeConfig> {
  const docker = createDocker(processes, env);
  const result = await docker.run(argv.configWith(location, file), {
    cwd: location.directory,
    input: text,
    allowFailure: true,
  });
  if (result.status === 0) return JSON.parse(result.stdout) as ComposeConfig;
  throw new UserError({
    code: 'COMPOSE_INVALID',
    message: `Compose refuses the project: ${composeComplaint(result.stderr).trim()}`,
    hint: 'docker compose config',
    exitCode: ExitCode.projectInvalid,
    file,
  });
}

export async function hasImage(dependencies: TrialDependencies, image: string): Promise<boolean> {
  const docker = createDocker(dependencies.processes, dependencies.env);
  return (await docker.inspect(argv.inspectImages([image]))).length > 0;
}

/** @throws UserError IMAGE_NOT_PULLED with what the registry said. */
export async function pullImage(
  dependencies: TrialDependencies,
  image: string,
  signal: AbortSignal,
): Promise<void> {
  const docker = createDocker(dependencies.processes, dependencies.env);
  const result = await docker.run(argv.pullImage(image), { allowFailure: true, signal });
  if (result.status === 0) return;
  const known = explainDockerError(failedCommand(result));
  throw new UserError({
    code: 'IMAGE_NOT_PULLED',
    message: `the image ${image} is not on this machine and cannot be pulled: ${result.stderr.trim().split('\n').at(-1) ?? ''}`,
    hint: `docker pull ${image}      (when that works: the same command again)`,
    cause: known,
  });
}

/** Whether the engine has a volume of this name, whoever made it. */
export async function hasVolume(dependencies: TrialDependencies, name: string): Promise<boolean> {
  const docker = createDocker(dependencies.processes, dependencies.env);
  return (await docker.inspect(argv.inspectVolumes([name]))).length > 0;
}

/** Makes an empty volume as Compose would for a key of the project. */
export async function createVolume(
  dependencies: TrialDependencies,
  location: ProjectLocation,
  key: string,
  name: string,
): Promise<void> {
  const docker = createDocker(dependencies.processes, dependencies.env);
  await docker.run(argv.createVolume(location.name, key, name));
}
