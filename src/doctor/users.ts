import type { ComposeService } from '../project/model.js';
import { dockerfileOf } from './dockerfile.js';
import type { Facts } from './facts.js';
import { isOfficialPostgres } from './roles.js';

export interface ContainerUser {
  uid: number;
  gid?: number;
}

/** Numeric ids of users in images by name, from their Dockerfiles. */
const KNOWN_NAMES: Record<string, ContainerUser> = {
  root: { uid: 0, gid: 0 },
  node: { uid: 1000, gid: 1000 },
  nobody: { uid: 65_534, gid: 65_534 },
};
/** The user of the server in the official image: 999 in Debian's, 70 in Alpine's. */
const POSTGRES_DEBIAN: ContainerUser = { uid: 999, gid: 999 };
const POSTGRES_ALPINE: ContainerUser = { uid: 70, gid: 70 };

/**
 * The numeric user of a service's process, if it is known: `user:` of the service, else the existing image,
 * else the Dockerfile. Undefined for a name whose number depends on the image.
 */
export async function containerUser(
  facts: Facts,
  service: ComposeService,
): Promise<ContainerUser | undefined> {
  if (service.user !== undefined) return parseUser(service.user, service);
  const image = await imageOf(facts, service);
  return image ? parseUser(image.Config.User ?? '', service) : writtenUser(service);
}

/** The same, from the project's files only. */
export function writtenUser(service: ComposeService): ContainerUser | undefined {
  if (service.user !== undefined) return parseUser(service.user, service);
  const user = dockerfileOf(service)
    ?.lastStage.filter(({ keyword }) => keyword === 'USER')
    .at(-1)?.words[0];
  // Without USER it is the base image's user, which is not known here.
  return user === undefined ? undefined : parseUser(user, service);
}

/**
 * The user that runs the official image's server and reads its init scripts. Timescale is built on Alpine.
 */
export function postgresUser(service: ComposeService): ContainerUser {
  return /alpine|timescaledb/.test(service.image ?? '') ? POSTGRES_ALPINE : POSTGRES_DEBIAN;
}

/** The engine's image of a service; undefined without Docker, or when it is not built or pulled yet. */
export async function imageOf(facts: Facts, service: ComposeService) {
  const docker = await facts.survey();
  if (!docker) return undefined;
  const names = imageNames(facts);
  const images = await docker.images([...names.values()]);
  return images.get(names.get(service.name) ?? '');
}

/** Image name of every service. Compose names a built image `<project>-<service>` when no name is given. */
function imageNames({ project }: Facts): Map<string, string> {
  return new Map(
    Object.values(project.services).map(({ name, image }) => [name, image ?? `${project.name}-${name}`]),
  );
}

function parseUser(text: string, service: ComposeService): ContainerUser | undefined {
  const [user = '', group] = text.split(':');
  if (user === '') {
    // The official PostgreSQL starts as root and switches its user.
    return KNOWN_NAMES.root;
  }
  if (/^\d+$/.test(user)) {
    return {
      uid: Number(user),
      ...(group !== undefined && /^\d+$/.test(group) ? { gid: Number(group) } : {}),
    };
  }
  if (user === 'postgres' && isOfficialPostgres(service)) return postgresUser(service);
  return KNOWN_NAMES[user];
}
