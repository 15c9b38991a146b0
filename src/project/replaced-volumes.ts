import { posix } from 'node:path';
import type { ComposeProject } from './model.js';

/** A mount of a container that is there. */
export interface PresentMount {
  type: string;
  /** Of a volume, as the engine knows it. */
  name?: string | undefined;
  /** In the container. */
  path: string;
}

/** A path of a service that gets other data than it has. */
export interface ReplacedVolume {
  service: string;
  path: string;
  /** The engine's name of the volume that is left behind, with what is in it. */
  before: string;
  /** What comes in its place: the engine's name of a volume, or a path of the machine. Undefined: nothing. */
  now?: string;
  /** Key of the new volume in the compose file. */
  key?: string;
}

/** Docker's own name of a volume that nobody named. */
const ANONYMOUS = /^[0-9a-f]{64}$/;

/** Returns the volumes that services have, and that the project does not give them any more. */
export function replacedVolumes(
  project: Pick<ComposeProject, 'services' | 'volumes'>,
  present: ReadonlyMap<string, readonly PresentMount[]>,
): ReplacedVolume[] {
  return [...present].flatMap(([service, mounts]) => {
    const wanted = project.services[service]?.mounts;
    if (!wanted) return [];
    return mounts.flatMap(({ type, name, path }): ReplacedVolume[] => {
      if (type !== 'volume' || !name) return [];
      const mount = wanted.find(({ target }) => plainPath(target) === plainPath(path));
      const { source } = mount ?? {};
      if (!mount || source === undefined) {
        // A volume without a name is the image's, which the compose file does not have to name.
        return ANONYMOUS.test(name) ? [] : [{ service, path, before: name }];
      }
      if (mount.type !== 'volume') return [{ service, path, before: name, now: source }];
      const now = project.volumes[source]?.name ?? source;
      return now === name ? [] : [{ service, path, before: name, now, key: source }];
    });
  });
}

/**
 * Returns what is to be said of one, with how the data stays.
 * @param next what to type once the compose file is edited
 */
export function toldOfReplaced({ service, path, before, now, key }: ReplacedVolume, next: string): string {
  const instead = now === undefined ? 'no volume any more' : `${now} in place of the volume ${before}`;
  const back =
    key === undefined
      ? `put the volume ${before} back there in the compose file`
      : `write in the compose file: volumes: {${key}: {name: ${before}}}`;
  return `"${service}" gets ${instead} at ${path}. The data of before stays in ${before}, and the service does not see it. To keep it: ${back}, then: ${next}`;
}

function plainPath(path: string): string {
  return posix.join('/', path).replace(/(?<=.)\/$/, '');
}
