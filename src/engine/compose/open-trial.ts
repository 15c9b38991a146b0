import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ProjectLocation } from '../../project/locate.js';
import { writeFileAtomic } from '../../system/files.js';
import type { ProcessRunner, RunOptions } from '../../system/process.js';
import type { Trial, TrialInput, TrialVolume } from '../trials.js';
import * as argv from './argv.js';
import { createDocker, type Docker } from './docker.js';
import { createComposeEngine } from './engine.js';
import { trialProject } from './trial-project.js';

/**
 * Scripts that the image's entrypoint runs on an empty volume. They are not needed: what they made is in the
 * dump.
 */
const INIT_SCRIPTS = '/docker-entrypoint-initdb.d';

/** A trial, and the client with the values of its variables. */
export interface ComposeTrial extends Trial {
  docker: Docker;
}

/** A trial can be inspected and removed without the values of its variables. */
function openTrial(
  { processes: outer, env }: Docker,
  live: ProjectLocation,
  name: string,
  values: Record<string, string> = {},
): ComposeTrial & { file: string } {
  const file = join(live.directory, '.invctl', `trial-${name}.json`);
  const own = { ...values, COMPOSE_PROJECT_NAME: name, COMPOSE_PROFILES: undefined };
  const withValues = <Options extends Pick<RunOptions, 'env'>>(options: Options | undefined) => ({
    ...options,
    env: { ...own, ...options?.env },
  });
  const processes: ProcessRunner = {
    ...outer,
    run: (program, args, options) => outer.run(program, args, withValues(options)),
    lines: (program, args, options) => outer.lines(program, args, withValues(options)),
    passThrough: (program, args, options) => outer.passThrough(program, args, withValues(options)),
  };
  return {
    docker: createDocker(processes, env),
    engine: createComposeEngine({ processes, env }),
    location: {
      name,
      directory: dirname(file),
      files: [file],
      explicitFiles: true,
      envFiles: [],
      stateFolder: live.stateFolder,
      ...(live.host ? { host: live.host } : {}),
    },
    file,
  };
}

/** Makes the volume as Compose would make it for a key of the project. */
export async function prepareTrial(
  docker: Docker,
  live: ProjectLocation,
  {
    name,
    config,
    services,
    volume,
  }: Pick<TrialInput, 'name' | 'config' | 'services'> & { volume?: TrialVolume },
): Promise<ComposeTrial> {
  if (volume) await docker.run(argv.createVolume(live.name, volume.key, volume.name));
  const { document, values } = trialProject(config, {
    name,
    services,
    ...(volume ? { volume } : {}),
    without: [INIT_SCRIPTS],
  });
  const { file, ...trial } = openTrial(docker, live, name, values);
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomic(file, JSON.stringify(document, null, 2), 0o600);
  return trial;
}

/** Keeps the volume, which belongs to the project. */
export async function removeTrial(docker: Docker, live: ProjectLocation, name: string): Promise<void> {
  const { engine, location, file } = openTrial(docker, live, name);
  await removeOneOffs(docker, name);
  const [services, volumes, networks] = await Promise.all([
    engine.status(location),
    engine.volumes(location),
    engine.networks(location),
  ]);
  if (services.length + volumes.length + networks.length > 0) {
    await engine.down(location, { volumes: true });
  }
  await rm(file, { force: true });
}

/** Removes what runs beside a trial's services, even in the middle of its work. */
export async function removeOneOffs(docker: Docker, name: string): Promise<void> {
  const ids = await docker.list(argv.oneOffIds(name));
  // One that ends meanwhile is removed by the engine.
  if (ids.length > 0) await docker.run(argv.removeContainers(ids), { allowFailure: true });
}
