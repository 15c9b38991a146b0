import { getJson } from '../../system/unix-socket.js';
import { configuredContext } from '../docker-contexts.js';
import { LABEL_ONE_OFF, LABEL_PROJECT } from '../labels.js';
import type { ContainerInspect } from '../survey.js';

/**
 * In milliseconds. If one answer of the engine takes longer, the `docker` client is asked instead: it
 * explains errors.
 */
const PATIENCE_MS = 2000;

/**
 * Returns the unix socket that the `docker` client would use; undefined if it would use a context, TCP or
 * SSH. The order is the client's: DOCKER_HOST, DOCKER_CONTEXT, the configured context, the default socket.
 */
export function engineSocket(env: NodeJS.ProcessEnv): string | undefined {
  if (env.DOCKER_HOST) return /^unix:\/\/(.+)$/.exec(env.DOCKER_HOST)?.[1];
  if (env.DOCKER_CONTEXT && env.DOCKER_CONTEXT !== 'default') return undefined;
  if (process.platform === 'win32' || (!env.DOCKER_CONTEXT && configuredContext(env) !== 'default'))
    return undefined;
  return '/var/run/docker.sock';
}

/**
 * Whether an engine answers on the client's socket. False proves nothing, because the client may use another
 * connection.
 */
export async function answersOnSocket(env: NodeJS.ProcessEnv): Promise<boolean> {
  const socket = engineSocket(env);
  if (!socket) return false;
  return getJson(socket, '/version', PATIENCE_MS).then(
    () => true,
    () => false,
  );
}

/**
 * Reads the containers of a project from the Engine API: the output of `docker ps` and `docker inspect`
 * without starting two programs. A container that is removed in between is left out.
 */
export async function containersBySocket(socket: string, projectName: string): Promise<ContainerInspect[]> {
  const filters = JSON.stringify({ label: [`${LABEL_PROJECT}=${projectName}`, `${LABEL_ONE_OFF}=False`] });
  const query = new URLSearchParams({ all: '1', filters });
  const listed = (await getJson(socket, `/containers/json?${query}`, PATIENCE_MS)) as { Id: string }[];
  const inspected = await Promise.all(
    listed.map(({ Id }) =>
      getJson(socket, `/containers/${Id}/json`, PATIENCE_MS).catch((error: Error) => {
        if (error.message.startsWith('404 ')) return undefined;
        throw error;
      }),
    ),
  );
  return inspected.filter((container) => container !== undefined) as ContainerInspect[];
}

/** The parts of `docker image inspect` that invctl reads. */
export interface ImageInspect {
  Id: string;
  /** ISO time. For an image that came completely from the cache, the time of its first build. */
  Created?: string;
  /** Time at which the image got its name; for an image from the cache, the time of the last build. */
  Metadata?: { LastTagTime?: string } | null;
  /** Registries' digests; empty if the image was neither pulled nor pushed. */
  RepoDigests?: string[] | null;
  Config?: { Env?: string[] | null } | null;
}

/**
 * Reads images by the requested names from the Engine API; those that the engine does not have are left out.
 */
export async function imagesBySocket(
  socket: string,
  names: readonly string[],
): Promise<Map<string, ImageInspect>> {
  const answers = await Promise.all(
    names.map(async (name) => {
      const path = name.split('/').map(encodeURIComponent).join('/');
      const image = await getJson(socket, `/images/${path}/json`, PATIENCE_MS).catch((error: Error) => {
        // 400: the name is not a valid image name.
        if (/^(404|400) /.test(error.message)) return undefined;
        throw error;
      });
      return [name, image as ImageInspect | undefined] as const;
    }),
  );
  return new Map(answers.flatMap(([name, image]) => (image ? [[name, image]] : [])));
}
