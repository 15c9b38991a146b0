import { parseEnvironment } from '../environment-list.js';
import type { Docker } from './docker.js';

/** Returns the `ENV` of images by the requested names; images that are not on this engine are left out. */
export async function imageEnvironments(
  docker: Docker,
  images: readonly string[],
): Promise<Map<string, Record<string, string>>> {
  const found = await docker.images(images);
  return new Map(
    [...found].map(([name, { Config }]) => [name, Object.fromEntries(parseEnvironment(Config?.Env))]),
  );
}
