import type { ComposeConfig } from '../project/from-config.js';
import type { ProjectLocation } from '../project/locate.js';
import type { ProcessRunner } from '../system/process.js';
import { compose, config } from './compose/argv.js';
import { explainDockerError } from './compose/errors.js';

/** Commands of Compose that make containers. */
const MAKING = ['create', 'run', 'up', 'watch'];

/**
 * Runs `docker compose` on a project, with our terminal.
 * @returns its exit status.
 */
export async function passToCompose(
  processes: ProcessRunner,
  location: ProjectLocation,
  words: readonly string[],
  warn: (message: string) => void,
): Promise<number> {
  try {
    const there = words.some((word) => MAKING.includes(word))
      ? await withFilesThere(processes, location, warn)
      : location;
    return await processes.passThrough('docker', compose(there, ...words), { cwd: location.directory });
  } catch (error) {
    throw explainDockerError(error);
  }
}

/** Recreates a service's container. Its volumes stay, and so do the containers of other services. */
export async function recreateContainer(
  processes: ProcessRunner,
  location: ProjectLocation,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const words = ['up', '--detach', '--no-deps', '--no-build', '--', service];
  const there = await withFilesThere(processes, location, () => {});
  await processes.run('docker', compose(there, ...words), { cwd: location.directory, signal });
}

/**
 * Returns the location for a command that makes containers: on another machine, containers mount the copied
 * files.
 */
async function withFilesThere(
  processes: ProcessRunner,
  location: ProjectLocation,
  warn: (message: string) => void,
): Promise<ProjectLocation> {
  if (!location.host?.remote) return location;
  const { carryFiles } = await import('./compose/carried-files.js');
  const { stdout } = await processes.run('docker', config(location), { cwd: location.directory });
  const project = JSON.parse(stdout) as ComposeConfig;
  return carryFiles(location, project, new Set(Object.keys(project.services)), warn);
}
