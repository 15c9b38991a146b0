import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComposeProject, ComposeService } from '../../project/model.js';

/** Compose's name for the image that it builds for a service. */
export function imageName(project: ComposeProject, service: ComposeService): string {
  return service.image ?? `${project.name}-${service.name}`;
}

/**
 * The image that the last stage of a Dockerfile starts from, e.g. `node:24-slim`; undefined where an ARG decides.
 */
export async function baseImage(service: ComposeService): Promise<string | undefined> {
  if (!service.build || /^[a-z]+:\/\//i.test(service.build.context)) return undefined;
  const path = join(service.build.context, service.build.dockerfile ?? 'Dockerfile');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const stages = new Map<string, string>();
  let last: string | undefined;
  for (const match of text.matchAll(/^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/gim)) {
    const from = match[1] as string;
    const base = stages.get(from.toLowerCase()) ?? from;
    if (match[2]) stages.set(match[2].toLowerCase(), base);
    last = base;
    if (service.build.target && match[2]?.toLowerCase() === service.build.target.toLowerCase()) break;
  }
  return last?.includes('$') ? undefined : last;
}
