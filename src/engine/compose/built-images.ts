import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type BuildContext,
  contentDigest,
  lastChangedFile,
  readBuildContext,
  statDigest,
} from '../../project/build-context.js';
import { keptFolders } from '../../project/kept-folders.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeProject, type ComposeService, imageName } from '../../project/model.js';
import { writeFileAtomic } from '../../system/files.js';
import { makeStateFolder, stateRoot } from '../../system/state-root.js';
import type { OutdatedImage } from '../engine.js';
import type { Docker } from './docker.js';
import type { ImageInspect } from './engine-socket.js';

const recordSchema = z.object({
  /** Id of the image. */
  image: z.string(),
  /** Digest of the build context that the image was built from. */
  content: z.string(),
  /**
   * Digest of the file system's metadata (`stat`) of the same files, if the metadata proves that the content
   * is unchanged.
   */
  stat: z.string().optional(),
  /** ISO time at which the build context was read. */
  readAt: z.string(),
});
const recordsSchema = z.record(z.string(), recordSchema);

type Records = z.infer<typeof recordsSchema>;

/**
 * Records what each service's image was built from. The records are kept outside the images: a label would
 * change the image, and so recreate the container, at each edit of a file that no instruction copies.
 */
export class BuiltImages {
  readonly #docker: Docker;
  readonly #location: ProjectLocation;
  readonly #project: ComposeProject;

  constructor(docker: Docker, location: ProjectLocation, project: ComposeProject) {
    this.#docker = docker;
    this.#location = location;
    this.#project = project;
  }

  /** Returns those of the services that have a `build` and no image yet. */
  async missing(services: ReadonlySet<string>): Promise<string[]> {
    const built = this.#built(services);
    const images = await this.#images(built);
    return built.filter(({ name }) => !images.has(name)).map(({ name }) => name);
  }

  /**
   * Returns those of the services whose build context differs from what their image was built from. For an
   * image without a record, built without invctl, its time decides; if it was pulled, its source is elsewhere
   * and it is left out.
   */
  async outdated(services: ReadonlySet<string>): Promise<OutdatedImage[]> {
    const built = this.#built(services);
    const [images, records, kept] = await Promise.all([
      this.#images(built),
      this.#read(),
      keptFolders(this.#location),
    ]);
    const found: OutdatedImage[] = [];
    let learned = false;
    for (const service of built) {
      const image = images.get(service.name);
      const context = service.build && readBuildContext(service.build, kept);
      if (!image || !context) continue;
      const known = records[service.name];
      if (known?.image === image.Id) {
        const stat = statDigest(context);
        if (stat !== undefined && stat === known.stat) continue;
        if ((await contentDigest(context)) === known.content) {
          if (stat !== undefined) {
            records[service.name] = { ...known, stat };
            learned = true;
          }
          continue;
        }
        found.push(outdated(service.name, context, Date.parse(known.readAt)));
        continue;
      }
      if ((image.RepoDigests ?? []).length > 0 || image.Created === undefined) continue;
      const named = Date.parse(image.Metadata?.LastTagTime ?? '');
      const created = Math.max(Date.parse(image.Created), Number.isNaN(named) ? 0 : named);
      if (lastChangedFile(context, created) !== undefined)
        found.push(outdated(service.name, context, created));
    }
    if (learned) await this.#write(records);
    return found;
  }

  /**
   * Reads the build contexts of these services before the build.
   * @returns a function to call after the build: it records the new images with these contexts.
   */
  async begin(services: readonly string[]): Promise<() => Promise<void>> {
    const built = this.#built(new Set(services));
    const kept = await keptFolders(this.#location);
    const readAt = new Date().toISOString();
    const read = await Promise.all(
      built.map(async (service) => {
        const context = service.build && readBuildContext(service.build, kept);
        if (!context) return undefined;
        const stat = statDigest(context);
        const content = await contentDigest(context);
        return { service, record: { content, readAt, ...(stat === undefined ? {} : { stat }) } };
      }),
    );
    return async () => {
      const [images, records] = await Promise.all([this.#images(built), this.#read()]);
      for (const one of read) {
        const image = one && images.get(one.service.name)?.Id;
        if (one && image !== undefined) records[one.service.name] = { image, ...one.record };
      }
      await this.#write(records);
    };
  }

  #built(services: ReadonlySet<string>): ComposeService[] {
    return Object.values(this.#project.services).filter(({ name, build }) => build && services.has(name));
  }

  /** Returns the images by service. */
  async #images(services: readonly ComposeService[]): Promise<Map<string, ImageInspect>> {
    if (services.length === 0) return new Map();
    const names = services.map((service) => imageName(this.#project, service));
    const images = await this.#docker.images(names);
    return new Map(
      services.flatMap(({ name }, index) => {
        const image = images.get(names[index] as string);
        return image ? [[name, image] as const] : [];
      }),
    );
  }

  /** Reads the records. If the file is unreadable there are none, and the images are judged by their time. */
  async #read(): Promise<Records> {
    try {
      return recordsSchema.parse(JSON.parse(await readFile(await this.#file(), 'utf8')));
    } catch {
      return {};
    }
  }

  /** Best effort: a home folder that is not writable must not prevent the start of a project. */
  async #write(records: Records): Promise<void> {
    try {
      await makeStateFolder(this.#folder(), 'traversable');
      await writeFileAtomic(await this.#file(), `${JSON.stringify(records, null, 2)}\n`, 0o600);
    } catch {
      // The next `up` then judges by time again.
    }
  }

  #folder(): string {
    return join(stateRoot(this.#docker.env), 'images');
  }

  async #file(): Promise<string> {
    const { name, directory } = this.#location;
    const place = await realpath(directory);
    const id = createHash('sha256').update(`${name}\0${place}`).digest('hex').slice(0, 32);
    return join(this.#folder(), `${name}-${id}.json`);
  }
}

function outdated(service: string, context: BuildContext, sinceMs: number): OutdatedImage {
  const path = lastChangedFile(context, sinceMs);
  return { service, ...(path === undefined ? {} : { file: join(context.folder, path) }) };
}
