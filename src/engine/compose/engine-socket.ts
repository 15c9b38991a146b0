import { getJson } from '../../system/unix-socket.js';
import { LABEL_ONE_OFF, LABEL_PROJECT } from '../labels.js';
import type { ContainerInspect } from '../survey.js';
import { configuredContext } from './contexts.js';

/** An engine that needs longer for one answer is asked through the client, which explains itself. */
const PATIENCE_MS = 2000;

/**
 * The unix socket that the `docker` client would use, or undefined where it would go another way: a context, TCP,
 * SSH. The order is the client's: DOCKER_HOST, DOCKER_CONTEXT, the configured context, the default socket.
 */
export function engineSocket(env: NodeJS.ProcessEnv): string | undefined {
  if (env.DOCKER_HOST) return /^unix:\/\/(.+)$/.exec(env.DOCKER_HOST)?.[1];
  if (env.DOCKER_CONTEXT && env.DOCKER_CONTEXT !== 'default') return undefined;
  if (process.platform === 'win32' || (!env.DOCKER_CONTEXT && configuredContext(env) !== 'default'))
    return undefined;
  return '/var/run/docker.sock';
}

/** Whether an engine answers on the client's socket. False says nothing: the client may have another way. */
export async function answersOnSocket(env: NodeJS.ProcessEnv): Promise<boolean> {
  const socket = engineSocket(env);
  if (!socket) return false;
  return getJson(socket, '/version', PATIENCE_MS).then(
    () => true,
    () => false,
  );
}

/**
 * The containers of a project by the Engine API: what `docker ps` and `docker inspect` would say, without starting
 * two programs. A container that goes away in between is left out.
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

/** What `docker image inspect` says of an image, as far as it is read. */
export interface ImageInspect {
  Id: string;
  /** ISO time. Of an image that came whole from the cache, that of its first build. */
  Created?: string;
  /** When it got its name: of an image from the cache, when it was built again. */
  Metadata?: { LastTagTime?: string } | null;
  /** Where it was pulled from or pushed to. */
  RepoDigests?: string[] | null;
  Config?: { Env?: string[] | null } | null;
}

/** Images by the names asked for, by the Engine API; those that the engine does not have are left out. */
export async function imagesBySocket(
  socket: string,
  names: readonly string[],
): Promise<Map<string, ImageInspect>> {
  const answers = await Promise.all(
    names.map(async (name) => {
      const path = name.split('/').map(encodeURIComponent).join('/');
      const image = await getJson(socket, `/images/${path}/json`, PATIENCE_MS).catch((error: Error) => {
        // 400: no name that an image can have.
        if (/^(404|400) /.test(error.message)) return undefined;
        throw error;
      });
      return [name, image as ImageInspect | undefined] as const;
    }),
  );
  return new Map(answers.flatMap(([name, image]) => (image ? [[name, image]] : [])));
}
