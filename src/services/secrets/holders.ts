import { realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Engine } from '../../engine/engine.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeProject } from '../../project/model.js';

/** Services that are granted the secret, or that mount its file or folder. */
export async function holders(project: ComposeProject, name: string, file: string): Promise<string[]> {
  const places = new Set([file, dirname(file)]);
  const real = (path: string) => realpath(path).catch(() => path);
  const names: string[] = [];
  for (const { name: service, secrets, mounts } of Object.values(project.services)) {
    const paths = [
      ...secrets.map(({ source }) => project.secrets[source]?.file),
      ...mounts.map(({ type, source }) => (type === 'bind' ? source : undefined)),
    ];
    const sources = await Promise.all(paths.map((path) => path && real(path)));
    const granted = secrets.some(({ source }) => source === name);
    const mounted = sources.some((path) => path !== undefined && path !== '' && places.has(path));
    if (granted || mounted) names.push(service);
  }
  return names;
}

/** The running ones among the services, with the content that their files had when they started. */
export async function runningAmong(
  engine: Engine,
  location: ProjectLocation,
  services: readonly string[],
): Promise<string[]> {
  const statuses = await engine.status(location);
  return services.filter((name) =>
    statuses.some((status) => status.name === name && /^(running|restarting)$/.test(status.state)),
  );
}
