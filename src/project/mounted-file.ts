import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrorCode } from '../errors.js';
import type { ComposeMount, ComposeProject, ComposeService } from './model.js';

/** Returns the mount that contains a path of the container; if there are several, the innermost one. */
export function mountOver(service: ComposeService, path: string): ComposeMount | undefined {
  return service.mounts
    .filter(({ target }) => path === target || path.startsWith(target === '/' ? target : `${target}/`))
    .sort((a, b) => b.target.length - a.target.length)[0];
}

/**
 * Returns the path on this machine for a path of the container; undefined if no secret and no bind mount
 * contains it.
 */
export function hostPath(project: ComposeProject, service: ComposeService, path: string): string | undefined {
  const grant = service.secrets.find(({ target }) => target === path);
  if (grant) return project.secrets[grant.source]?.file;
  const mount = mountOver(service, path);
  if (mount?.type !== 'bind' || mount.source === undefined) return undefined;
  return join(mount.source, path.slice(mount.target.length));
}

/**
 * Returns the text of a service's file that comes from a secret or a bind mount; undefined if nothing
 * provides it, or if it cannot be read here.
 * @param lookup the project environment, for secrets that come from a variable
 */
export function mountedText(
  project: ComposeProject,
  service: ComposeService,
  path: string,
  lookup: (name: string) => string | undefined = () => undefined,
): string | undefined {
  const grant = service.secrets.find(({ target }) => target === path);
  const variable = grant && project.secrets[grant.source]?.environment;
  if (variable !== undefined) return lookup(variable);
  const file = hostPath(project, service, path);
  if (file === undefined || !statSync(file, { throwIfNoEntry: false })?.isFile()) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'EACCES', 'EPERM', 'ENOENT')) return undefined;
    throw error;
  }
}
