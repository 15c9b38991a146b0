import { CommandError } from '../../errors.js';
import { isImageName } from '../../project/image-name.js';
import type { ProcessRunner, RunOptions, RunResult } from '../../system/process.js';
import type { ContainerInspect } from '../survey.js';
import * as argv from './argv.js';
import { containersBySocket, engineSocket, type ImageInspect, imagesBySocket } from './engine-socket.js';
import { explainDockerError, saysNotFound } from './errors.js';

const COMPLAINT_LINES = 20;

/** The `docker` client with its errors explained. */
export interface Docker {
  readonly processes: ProcessRunner;
  readonly env: NodeJS.ProcessEnv;
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Runs `docker … inspect` and parses its JSON. Objects that were removed in the meantime are left out. */
  inspect<T>(args: readonly string[]): Promise<T[]>;
  /** Runs a listing that prints one id or name per line. */
  list(args: readonly string[]): Promise<string[]>;
  /** Returns images by the requested names; those that the engine does not have are left out. */
  images(names: readonly string[]): Promise<Map<string, ImageInspect>>;
  /** Returns the containers of a project, stopped ones too. */
  containers(projectName: string): Promise<ContainerInspect[]>;
}

export function createDocker(processes: ProcessRunner, env: NodeJS.ProcessEnv): Docker {
  async function run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    try {
      return await processes.run('docker', args, options);
    } catch (error) {
      throw explainDockerError(error);
    }
  }

  async function inspect<T>(args: readonly string[]): Promise<T[]> {
    const result = await run(args, { allowFailure: true });
    if (result.status !== 0 && !saysNotFound(result.stderr)) {
      throw explainDockerError(failedCommand(result));
    }
    return JSON.parse(result.stdout || '[]') as T[];
  }

  async function list(args: readonly string[]): Promise<string[]> {
    return (await run(args)).stdout.split('\n').filter((line) => line !== '');
  }

  async function containers(projectName: string): Promise<ContainerInspect[]> {
    const socket = engineSocket(env);
    if (socket) {
      // The client explains a failed connection better than the socket does.
      const found = await containersBySocket(socket, projectName).catch(() => undefined);
      if (found) return found;
    }
    const ids = await list(argv.containerIds(projectName));
    return ids.length === 0 ? [] : inspect<ContainerInspect>(argv.inspectContainers(ids));
  }

  async function images(names: readonly string[]): Promise<Map<string, ImageInspect>> {
    // For one name that the engine refuses, it would tell of no other.
    const wanted = [...new Set(names)].filter(isImageName);
    const socket = engineSocket(env);
    if (socket) {
      const found = await imagesBySocket(socket, wanted).catch(() => undefined);
      if (found) return found;
    }
    return imagesByClient(wanted);
  }

  /**
   * Asks the client for images. It prints the images that it finds in the requested order, without their
   * names, and complains about each missing one.
   */
  async function imagesByClient(names: readonly string[]): Promise<Map<string, ImageInspect>> {
    if (names.length === 0) return new Map();
    const result = await run(argv.inspectImages(names), { allowFailure: true });
    const found = JSON.parse(result.stdout || '[]') as ImageInspect[];
    const missing = new Set([...result.stderr.matchAll(/no such image: (\S+)$/gim)].map(([, name]) => name));
    const present = names.filter((name) => !missing.has(name));
    if (present.length === found.length) {
      return new Map(present.map((name, index) => [name, found[index] as ImageInspect]));
    }
    if (found.length === 0 && missing.size === 0) throw explainDockerError(failedCommand(result));
    if (names.length === 1) return new Map();
    // The client names some images differently from the request.
    const each = await Promise.all(names.map((name) => imagesByClient([name])));
    return new Map(each.flatMap((one) => [...one]));
  }

  return { processes, env, run, inspect, list, images, containers };
}

/** Makes the error of a run that was allowed to fail. */
export function failedCommand(result: RunResult, complaint = result.stderr): CommandError {
  return new CommandError({
    argv: result.argv,
    status: result.status,
    signal: result.signal,
    stderrTail: complaint.trim(),
  });
}

/** Returns the last lines that Compose printed, without its progress. */
export function composeComplaint(stderr: string): string {
  return stderr
    .split('\n')
    .filter(
      (line) => line.trim() !== '' && !/^\s*(Container|Network|Volume|Image) \S+\s+[A-Z][a-z]+/.test(line),
    )
    .slice(-COMPLAINT_LINES)
    .join('\n');
}

/** Whether the volume exists, whoever made it. */
export async function hasVolume(docker: Docker, name: string): Promise<boolean> {
  return (await docker.inspect(argv.inspectVolumes([name]))).length > 0;
}
