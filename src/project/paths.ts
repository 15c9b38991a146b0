import { homedir } from 'node:os';
import { isAbsolute, join, posix, relative } from 'node:path';

const REMOTE_CONTEXT = ['https://', 'http://', 'git://', 'ssh://', 'github.com/', 'git@'];

/** Returns a path without `.`, `..`, double and trailing slashes, as Go's `path.Clean` does. */
export function cleanPath(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, '$1');
}

/**
 * Makes a path of a compose file absolute: `~` is the home folder, other paths are relative to `directory`.
 */
export function resolvePath(directory: string, path: string): string {
  const expanded = path.startsWith('~') ? join(homedir(), path.slice(1)) : path;
  return isAbsolute(expanded) ? expanded : cleanPath(join(directory, expanded));
}

/** Returns a path for messages: relative if it is in the project, otherwise unchanged. */
export function insideProject(directory: string, path: string): string {
  const inside = relative(directory, path);
  return inside === '..' || inside.startsWith('../') ? path : inside || '.';
}

/** As `resolvePath`; a Windows path is not changed, for a Windows engine with a Unix client. */
export function resolveMountSource(directory: string, path: string): string {
  return /^([A-Za-z]:[\\/]|\\\\[^\\/.])/.test(path) ? path : resolvePath(directory, path);
}

/** As `resolvePath`; a URL, a Git reference and `service:…` are not changed. */
export function resolveBuildContext(directory: string, context: string): string {
  const remote =
    context.includes('://') ||
    context.startsWith('service:') ||
    REMOTE_CONTEXT.some((prefix) => context.startsWith(prefix));
  return remote ? context : resolvePath(directory, context);
}

/** Whether it is a remote compose file (`include`, `extends`), which only Compose itself can fetch. */
export function isRemoteFile(path: string): boolean {
  return /^(oci:\/\/|https?:\/\/|ssh:\/\/|git:\/\/|git@|github\.com\/)/.test(path);
}
