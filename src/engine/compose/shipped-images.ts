import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { isDeepStrictEqual } from 'node:util';
import { ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeProject, type ComposeService, imageName } from '../../project/model.js';
import * as argv from './argv.js';
import { baseImages } from './build.js';
import { type Docker, failedCommand } from './docker.js';
import { explainDockerError } from './errors.js';
import { withoutEntries } from './tar-filter.js';

/** The parts of `docker image inspect` on this machine's engine that invctl reads. */
interface ShippedImage {
  Size: number;
  Os: string;
  Architecture: string;
  Id: string;
  Created?: string;
  /** Digests of its uncompressed layers, the lowest first. */
  RootFS?: { Layers?: string[] | null };
  /** Registries' digests. An image without one cannot be pulled. */
  RepoDigests?: string[] | null;
}

/** Docker's names of the architectures that `uname -m` prints. */
const ARCHITECTURES: Record<string, string> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armv7l: 'arm',
  i686: '386',
};
/** Selects the engine of this machine, even if a variable names another one. */
const HERE = { DOCKER_HOST: undefined, DOCKER_CONTEXT: 'default' };
const PROGRESS_MS = 1000;

/**
 * Called while an image is being sent.
 * @param bytes sent so far
 * @param of size of the image; undefined: layers that are there are left out
 */
export type OnShipped = (service: string, image: string, bytes: number, of: number | undefined) => void;

/**
 * Sends the images that another machine's engine lacks, or has of another content, and cannot pull, and that this
 * machine has: the images of services, and those that they are built on. The engine pulls all others itself.
 * @param options.builds services are built there; otherwise their own images are sent
 * @throws UserError IMAGE_OF_ANOTHER_ARCHITECTURE (exit 3), DISK_FULL
 */
export async function shipImages(
  docker: Docker,
  location: ProjectLocation,
  project: ComposeProject,
  wanted: ReadonlySet<string>,
  options: { builds: boolean; signal?: AbortSignal | undefined; onShipped: OnShipped },
): Promise<void> {
  const remote = location.host?.remote;
  if (!remote) return;
  const users = new Map<string, string>();
  const builtThere = new Set<string>();
  for (const service of Object.values(project.services)) {
    if (!wanted.has(service.name)) continue;
    if (service.build && !options.builds) builtThere.add(imageName(project, service));
    const images = options.builds && service.build ? await basesOf(service) : [imageName(project, service)];
    for (const image of images) users.set(image, users.get(image) ?? service.name);
  }
  const there = await docker.images([...users.keys()]);
  const { machine, system } = await remote.connect();
  for (const [image, service] of users) {
    const present = there.get(image);
    if (present && builtThere.has(image)) continue;
    const local = await inspectHere(docker, image);
    if (!local || (present && isSame(local, present))) continue;
    if (present ? local.RepoDigests?.length : await canBePulled(docker, image, local)) continue;
    const architecture = ARCHITECTURES[machine] ?? machine;
    if (local.Architecture !== architecture || local.Os !== system.toLowerCase()) {
      throw new UserError({
        code: 'IMAGE_OF_ANOTHER_ARCHITECTURE',
        message: `"${service}" needs the image ${image}: this machine has it for ${local.Os}/${local.Architecture}, ${remote.address.host} is ${system.toLowerCase()}/${architecture}, and no registry has it`,
        hint: `build it for that one:  docker buildx build --platform linux/${architecture} --tag ${image} --push …`,
        exitCode: ExitCode.engineUnavailable,
      });
    }
    await ship(docker, image, local, options.signal, (bytes, isWhole) =>
      options.onShipped(service, image, bytes, isWhole ? local.Size : undefined),
    );
  }
}

async function basesOf({ build }: ComposeService): Promise<string[]> {
  if (!build) return [];
  if (/^[a-z]+:\/\//i.test(build.context)) return [];
  const file = join(build.context, build.dockerfile ?? 'Dockerfile');
  const text = build.dockerfileInline ?? (await readFile(file, 'utf8').catch(() => ''));
  return baseImages(text);
}

/**
 * Returns undefined if this machine does not have the image, its engine does not answer, or the user has no
 * permission.
 */
async function inspectHere({ processes }: Docker, image: string): Promise<ShippedImage | undefined> {
  const result = await processes.run('docker', argv.inspectImages([image]), {
    env: HERE,
    allowFailure: true,
  });
  return (JSON.parse(result.stdout || '[]') as ShippedImage[])[0];
}

/** An engine with another image store has another id for the same image. */
function isSame(local: ShippedImage, present: Partial<ShippedImage>): boolean {
  if (local.Id === present.Id) return true;
  return local.Created === present.Created && isDeepStrictEqual(local.RootFS?.Layers, present.RootFS?.Layers);
}

async function canBePulled(docker: Docker, image: string, { RepoDigests }: ShippedImage): Promise<boolean> {
  if (!RepoDigests?.length) return false;
  return (await docker.run(argv.pullImage(image), { allowFailure: true })).status === 0;
}

/**
 * Sends an image without the layers that the other engine has. Where it does not take it like that, it gets the whole
 * image.
 */
async function ship(
  docker: Docker,
  image: string,
  { RootFS }: ShippedImage,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number, isWhole: boolean) => void,
): Promise<void> {
  const known = await layersThere(docker, RootFS?.Layers ?? []);
  if (known.size > 0) {
    const failed = await send(docker, image, known, signal, onBytes).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (error instanceof UserError && error.exitCode === ExitCode.engineUnavailable) throw error;
      return error;
    });
    if (failed === undefined) return;
  }
  const failed = await send(docker, image, new Set(), signal, onBytes);
  if (failed !== undefined) throw explainDockerError(failed);
}

/**
 * The entries of `docker image save` for layers that the other engine has below the image's other layers: an engine knows a
 * layer by all those under it. An entry is named by the digest of the uncompressed layer (engine 25 and later).
 */
async function layersThere(docker: Docker, layers: readonly string[]): Promise<Set<string>> {
  // Source: docs.docker.com/engine/storage/containerd. That store would take an image with a gap, and could not push it.
  const { stdout: store } = await docker.run(['info', '--format', '{{.DriverStatus}}']);
  if (store.includes('io.containerd.snapshotter')) return new Set();
  const ids = await docker.list(['image', 'ls', '--quiet', '--no-trunc']);
  const images =
    ids.length === 0 ? [] : await docker.inspect<ShippedImage>(argv.inspectImages([...new Set(ids)]));
  const shared = images.map(({ RootFS }) => {
    const differs = layers.findIndex((layer, i) => RootFS?.Layers?.[i] !== layer);
    return differs < 0 ? layers.length : differs;
  });
  const count = Math.max(0, ...shared);
  const needed = new Set(layers.slice(count));
  return new Set(
    layers
      .slice(0, count)
      .filter((layer) => !needed.has(layer))
      .map((layer) => `blobs/${layer.replace(':', '/')}`),
  );
}

/** @returns the error of the client that failed */
async function send(
  docker: Docker,
  image: string,
  without: ReadonlySet<string>,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number, isWhole: boolean) => void,
): Promise<unknown> {
  const isWhole = without.size === 0;
  onBytes(0, isWhole);
  let bytes = 0;
  let told = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (Date.now() - told >= PROGRESS_MS) {
        told = Date.now();
        onBytes(bytes, isWhole);
      }
      done(null, chunk);
    },
  });
  const saved = new PassThrough();
  const options = { allowFailure: true, ownSession: true, ...(signal ? { signal } : {}) };
  const saving = docker.processes
    .run('docker', ['image', 'save', image], { ...options, env: HERE, output: saved })
    .finally(() => saved.end());
  const loading = docker.run(['image', 'load', '--quiet'], { ...options, input: counter });
  const results = await Promise.all([saving, loading, pipeline(saved, withoutEntries(without), counter)]);
  const failed = results.find((result) => result && result.status !== 0);
  return failed ? failedCommand(failed) : undefined;
}
