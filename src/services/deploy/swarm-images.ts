import type { Engine } from '../../engine/engine.js';
import { refusal, type Swarm, type SwarmNode } from '../../engine/swarm/swarm.js';
import { CommandError, ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeProject, type ComposeService, imageName } from '../../project/model.js';

/** The image that a service runs, pinned by content. */
export interface PinnedImage {
  service: string;
  /** Image name in the compose file. */
  image: string;
  /** What the stack file gets: an image id on a single node, or a name with its digest. */
  pinned: string;
  /**
   * A tag on a built image that a rollback may need, so that a prune of untagged images does not remove it.
   */
  tag?: string;
}

/** Where images are to run, and what builds them. */
export interface ImagePlace {
  swarm: Swarm;
  nodes: readonly SwarmNode[];
  engine: Engine;
  location: ProjectLocation;
}

export interface ImageInput {
  /**
   * `built`: build first what the compose file builds; several nodes get their images from a registry, and
   * nothing is built for them. `local`: use the images that are there. `running`: use those that the services
   * run.
   */
  from: 'built' | 'local' | 'running';
  /** Images that the services run, for `running`. */
  running: ReadonlyMap<string, string>;
  /** Build and pull nothing. */
  dryRun: boolean;
  signal: AbortSignal;
  onBuild?: (service: string, step: string) => void;
}

/** Docker's names of architectures that `uname -m` names differently. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64', i686: '386' };

/**
 * Pins the image of each service. Without it, a tag that is built again would change nothing in the Swarm,
 * and a rollback would start the image that it should replace.
 *
 * A single node uses the images on its own engine, by id, which Swarm never looks up in a registry. Several
 * nodes get them from a registry, by digest.
 *
 * @throws UserError IMAGE_MISSING, IMAGE_NOT_IN_REGISTRY, IMAGE_PLATFORM, and of a build
 */
export async function pinImages(
  place: ImagePlace,
  project: ComposeProject,
  input: ImageInput,
): Promise<PinnedImage[]> {
  const services = Object.values(project.services);
  const keeps = (name: string) => (input.from === 'running' ? input.running.get(name) : undefined);
  const kept = services.flatMap((service): PinnedImage[] => {
    const pinned = keeps(service.name);
    return pinned === undefined
      ? []
      : [{ service: service.name, image: imageName(project, service), pinned }];
  });
  const others = services.filter(({ name }) => keeps(name) === undefined);
  return [...kept, ...(await pinAnew(place, project, others, input))];
}

async function pinAnew(
  { swarm, nodes, engine, location }: ImagePlace,
  project: ComposeProject,
  services: readonly ComposeService[],
  input: ImageInput,
): Promise<PinnedImage[]> {
  const [node] = nodes;
  if (nodes.length > 1 || node === undefined) {
    const pinned = new Map<string, string>();
    for (const service of services) {
      const image = imageName(project, service);
      if (!pinned.has(image))
        pinned.set(image, await byDigest(swarm, service, image, nodes.length, input.dryRun));
    }
    return services.map((service) => {
      const image = imageName(project, service);
      return { service: service.name, image, pinned: pinned.get(image) as string };
    });
  }
  const built = services.filter(({ build }) => build).map(({ name }) => name);
  if (input.from === 'built' && !input.dryRun && built.length > 0) {
    const { signal, onBuild } = input;
    const onRunning =
      onBuild && ((step: { service: string; name: string }) => onBuild(step.service, step.name));
    await engine.build(location, { services: built, signal, ...(onRunning ? { onRunning } : {}) }, () => {});
  }
  const found: PinnedImage[] = [];
  for (const service of services) {
    const image = imageName(project, service);
    found.push(await byId(swarm, node, service, image, input.dryRun));
  }
  return found;
}

async function byId(
  swarm: Swarm,
  { Description }: SwarmNode,
  { name: service, build }: ComposeService,
  image: string,
  dryRun: boolean,
): Promise<PinnedImage> {
  const isBuilt = build !== undefined;
  let found = await swarm.image(image);
  if (!found && dryRun) return { service, image, pinned: image };
  if (!found && !isBuilt) {
    await swarm.pull(image).catch((error) => {
      throw missing(service, image, `docker pull ${image}`, error);
    });
    found = await swarm.image(image);
  }
  if (!found) throw missing(service, image, `invctl build ${service}`);
  const { Architecture: machine, OS: system } = Description.Platform;
  const wanted = ARCHITECTURES[machine] ?? machine;
  if (found.Architecture !== '' && (found.Architecture !== wanted || found.Os !== system)) {
    throw new UserError({
      code: 'IMAGE_PLATFORM',
      message: `the image ${image} of "${service}" is for ${found.Os}/${found.Architecture}, and the node ${Description.Hostname} is ${system}/${wanted}`,
      hint: isBuilt
        ? `docker buildx build --platform ${system}/${wanted} …, or: invctl build ${service}      (on a machine of that kind)`
        : `docker pull --platform ${system}/${wanted} ${image}`,
      details: { service, image, image_platform: `${found.Os}/${found.Architecture}` },
    });
  }
  const id = found.Id;
  return { service, image, pinned: id, ...(isBuilt ? { tag: keptTag(image, id) } : {}) };
}

/** `shop-api:deployed-39516502f797` */
function keptTag(image: string, id: string): string {
  const name = image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  return `${name}:deployed-${id.replace(/^sha256:/, '').slice(0, 12)}`;
}

/**
 * Asks the registry from this machine; where that fails, has the engine pull the image. An engine may reach a
 * registry that this machine does not: one without TLS, with a certificate of its own, or in a network of the
 * nodes.
 */
async function byDigest(
  swarm: Swarm,
  service: ComposeService,
  image: string,
  nodes: number,
  dryRun: boolean,
): Promise<string> {
  if (/@sha256:[0-9a-f]{64}$/.test(image)) return image;
  try {
    return `${image}@${await swarm.registryDigest(image)}`;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (/: not found$/.test(refusal(error) ?? '')) throw notInRegistry(service, image, nodes, error);
    if (dryRun) return image;
  }
  try {
    return `${image}@${await swarm.pull(image)}`;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw notInRegistry(service, image, nodes, error);
  }
}

function notInRegistry(
  { name: service, build }: ComposeService,
  image: string,
  nodes: number,
  error: CommandError,
): UserError {
  const named = hasRegistry(image);
  const there = named ? image : `registry.example.com/${image}`;
  const push = build
    ? `docker compose build --push ${service}`
    : named
      ? `docker push ${image}`
      : `docker pull ${image} && docker tag ${image} ${there} && docker push ${there}`;
  return new UserError({
    code: 'IMAGE_NOT_IN_REGISTRY',
    message: `the Swarm has ${nodes} nodes, and no registry has the image ${image} of "${service}" for them: ${refusal(error)}`,
    hint: named
      ? `${push}      (or another registry, which every node reaches)`
      : `name it by a registry that every node reaches (image: ${there}), then: ${push}`,
    details: { service, image },
    cause: error,
  });
}

/** Whether the name begins with the host of a registry, and not with a user of Docker Hub. */
function hasRegistry(image: string): boolean {
  const [host = '', ...rest] = image.split('/');
  return rest.length > 0 && (/[.:]/.test(host) || host === 'localhost');
}

function missing(service: string, image: string, hint: string, cause?: unknown): UserError {
  const why = refusal(cause);
  return new UserError({
    code: 'IMAGE_MISSING',
    message: `the image ${image} of "${service}" is not on this engine${why ? `: ${why}` : ''}`,
    hint,
    exitCode: ExitCode.failure,
    details: { service, image },
    cause,
  });
}
