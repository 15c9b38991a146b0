import { ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ProcessRunner } from '../../system/process.js';
import type { Engine, ExecOptions, PipeOptions, PipeResult } from '../engine.js';
import { LABEL_NUMBER, LABEL_SERVICE } from '../labels.js';
import * as argv from './argv.js';
import { type Docker, failedCommand } from './docker.js';
import { explainDockerError, saysNotRunning } from './errors.js';

/** States of a container in which `docker exec` works, or explains itself why it does not. */
const RUNNING = new Set(['running', 'paused']);

/**
 * Finds the id of a service's container.
 * @throws UserError SERVICE_NOT_RUNNING
 */
export type ContainerOf = (location: ProjectLocation, service: string) => Promise<string>;

/** Runs programs in containers. */
export function createPrograms(
  processes: ProcessRunner,
  docker: Docker,
  containerOf: ContainerOf,
): Pick<Engine, 'exec' | 'pipe'> {
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
    // The container was removed in between. If the program ran in it, its own message is kept.
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
    return passThrough(processes, location, argv.exec(container, command, options), options);
  }

  return { exec, pipe };
}

/** Runs the `docker` client with the user's own terminal and returns its exit status. */
export async function passThrough(
  processes: ProcessRunner,
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

/**
 * Finds the container that `docker compose exec` would take if a service has several.
 * @throws UserError SERVICE_NOT_RUNNING
 */
export async function composeContainer(
  docker: Docker,
  location: ProjectLocation,
  service: string,
): Promise<string> {
  const [first] = (await docker.containers(location.name))
    .filter(({ Config, State }) => Config.Labels?.[LABEL_SERVICE] === service && RUNNING.has(State.Status))
    .map(({ Id, Config }) => ({ id: Id, number: Number(Config.Labels?.[LABEL_NUMBER]) }))
    .sort((a, b) => a.number - b.number);
  if (!first) throw notRunning(service);
  return first.id;
}

export function notRunning(service: string): UserError {
  return new UserError({
    code: 'SERVICE_NOT_RUNNING',
    message: `the service "${service}" is not running`,
    hint: `invctl up ${service}`,
  });
}
