import { existsSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { type ContextFilter, contextFilter, dockerfilePath } from '../project/build-context.js';
import type { ProjectLocation } from '../project/locate.js';
import type { ComposeBuild } from '../project/model.js';

/**
 * Which files can affect what runs. The set only grows: a change that affects nothing is found to be none.
 */
export class WatchedFiles {
  readonly #filters = new Map<string, ContextFilter>();
  readonly #files = new Set<string>();

  /** Build contexts, absolute. */
  get folders(): string[] {
    return [...this.#filters.keys()];
  }

  /** Files that are watched whatever an ignore file says. */
  get files(): string[] {
    return [...this.#files];
  }

  /**
   * @param kept folders that are no source: keptFolders
   * @returns existing paths that were not watched before.
   */
  include(
    location: ProjectLocation,
    sources: readonly { build: ComposeBuild }[],
    kept: readonly string[],
  ): string[] {
    const known = new Set([...this.folders, ...this.files]);
    for (const { build } of sources) {
      this.#filters.set(build.context, contextFilter(build, kept));
      const dockerfile = dockerfilePath(build);
      for (const file of [dockerfile, `${dockerfile}.dockerignore`, join(build.context, '.dockerignore')]) {
        this.#files.add(file);
      }
    }
    for (const file of [...location.files, ...location.envFiles]) this.#files.add(file);
    return [...this.folders, ...this.files].filter((path) => !known.has(path) && existsSync(path));
  }

  /** Whether no build uses a path below one of the folders. */
  ignores(path: string): boolean {
    if (this.#files.has(path)) return false;
    const around = [...this.#filters].filter(([folder]) => path === folder || path.startsWith(folder + sep));
    return (
      around.length > 0 &&
      around.every(([folder, filter]) => {
        const inside = relative(folder, path).replaceAll(sep, '/');
        return inside !== '' && filter.ignores(inside) && !filter.mayHoldMore(inside);
      })
    );
  }
}
