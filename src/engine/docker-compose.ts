import type { ProjectLocation } from '../project/locate.js';
import type { ProcessRunner } from '../system/process.js';
import { compose } from './compose/argv.js';
import { explainDockerError } from './compose/errors.js';

/** `docker compose` on a project, with our terminal. @returns its exit status. */
export async function passToCompose(
  processes: ProcessRunner,
  location: ProjectLocation,
  words: readonly string[],
): Promise<number> {
  try {
    return await processes.passThrough('docker', compose(location, ...words), { cwd: location.directory });
  } catch (error) {
    throw explainDockerError(error);
  }
}

/** Makes a service's container anew. Its volumes stay, and so do the containers of others. */
export async function recreateContainer(
  processes: ProcessRunner,
  location: ProjectLocation,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const words = ['up', '--detach', '--no-deps', '--no-build', '--', service];
  await processes.run('docker', compose(location, ...words), { cwd: location.directory, signal });
}
