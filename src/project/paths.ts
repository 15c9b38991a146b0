import { homedir } from 'node:os';
import { isAbsolute, join, posix, relative } from 'node:path';

const REMOTE_CONTEXT = ['https://', 'http://', 'git://', 'ssh://', 'github.com/', 'git@'];

/** A path without `.`, `..`, double and trailing slashes, as Go's `path.Clean` gives it. */
export function cleanPath(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, '$1');
}

/** A path of a compose file, absolute: `~` is the home folder, anything else relative to `directory`. */
export function resolvePath(directory: string, path: string): string {
  const expanded = path.startsWith('~') ? join(homedir(), path.slice(1)) : path;
  return isAbsolute(expanded) ? expanded : cleanPath(join(directory, expanded));
}

/** A path for a person: relative where it lies in the project, else as it is. */
export function insideProject(directory: string, path: string): string {
  const inside = relative(directory, path);
  return inside === '..' || inside.startsWith('../') ? path : inside || '.';
}

/** As `resolvePath`; a Windows path stays, for a Windows engine behind a Unix client. */
export function resolveMountSource(directory: string, path: string): string {
  return /^([A-Za-z]:[\\/]|\\\\[^\\/.])/.test(path) ? path : resolvePath(directory, path);
}

/** As `resolvePath`; a URL, a Git reference and `service:…` stay. */
export function resolveBuildContext(directory: string, context: string): string {
  const remote =
    context.includes('://') ||
    context.startsWith('service:') ||
    REMOTE_CONTEXT.some((prefix) => context.startsWith(prefix));
  return remote ? context : resolvePath(directory, context);
}

/** A remote compose file (`include`, `extends`), which only Compose itself can fetch. */
export function isRemoteFile(path: string): boolean {
  return /^(oci:\/\/|https?:\/\/|ssh:\/\/|git:\/\/|git@|github\.com\/)/.test(path);
}
