import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeProject, type ComposeService, imageName } from '../../project/model.js';
import * as argv from './argv.js';
import { baseImages } from './build.js';
import { type Docker, failedCommand } from './docker.js';
import { explainDockerError } from './errors.js';

/** The parts of `docker image inspect` on this machine's engine that invctl reads. */
interface LocalImage {
  Size: number;
  Os: string;
  Architecture: string;
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
 */
export type OnShipped = (service: string, image: string, bytes: number, of: number) => void;

/**
 * Sends the images that another machine's engine lacks and cannot pull, and that this machine has: the images
 * of services, and those that they are built on. The engine pulls all others itself.
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
  for (const service of Object.values(project.services)) {
    if (!wanted.has(service.name)) continue;
    const images = options.builds && service.build ? await basesOf(service) : [imageName(project, service)];
    for (const image of images) users.set(image, users.get(image) ?? service.name);
  }
  const there = await docker.images([...users.keys()]);
  const { machine, system } = await remote.connect();
  for (const [image, service] of users) {
    if (there.has(image)) continue;
    const local = await inspectHere(docker, image);
    if (!local || (await canBePulled(docker, image, local))) continue;
    const architecture = ARCHITECTURES[machine] ?? machine;
    if (local.Architecture !== architecture || local.Os !== system.toLowerCase()) {
      throw new UserError({
        code: 'IMAGE_OF_ANOTHER_ARCHITECTURE',
        message: `"${service}" needs the image ${image}: this machine has it for ${local.Os}/${local.Architecture}, ${remote.address.host} is ${system.toLowerCase()}/${architecture}, and no registry has it`,
        hint: `build it for that one:  docker buildx build --platform linux/${architecture} --tag ${image} --push …`,
        exitCode: ExitCode.engineUnavailable,
      });
    }
    await ship(docker, image, options.signal, (bytes) =>
      options.onShipped(service, image, bytes, local.Size),
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
async function inspectHere({ processes }: Docker, image: string): Promise<LocalImage | undefined> {
  const result = await processes.run('docker', argv.inspectImages([image]), {
    env: HERE,
    allowFailure: true,
  });
  return (JSON.parse(result.stdout || '[]') as LocalImage[])[0];
}

async function canBePulled(docker: Docker, image: string, { RepoDigests }: LocalImage): Promise<boolean> {
  if (!RepoDigests?.length) return false;
  return (await docker.run(argv.pullImage(image), { allowFailure: true })).status === 0;
}

async function ship(
  docker: Docker,
  image: string,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  onBytes(0);
  let bytes = 0;
  let told = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (Date.now() - told >= PROGRESS_MS) {
        told = Date.now();
        onBytes(bytes);
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
  const results = await Promise.all([saving, loading, pipeline(saved, counter)]);
  for (const result of results) {
    if (result && result.status !== 0) throw explainDockerError(failedCommand(result));
  }
}
