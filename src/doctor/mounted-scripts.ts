import { readdirSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { ComposeProject, ComposeService } from '../project/model.js';
import { hostPath } from '../project/mounted-file.js';

/** Folder of the scripts that the official image runs after it has initialised a new data folder. */
export const INIT_FOLDER = '/docker-entrypoint-initdb.d';

/** A file or folder of this machine that the image finds in its init folder. */
export interface InitPath {
  /** Absolute, on this machine. */
  file: string;
  /** In the container. */
  target: string;
  folder: boolean;
}

/**
 * The host paths that are mounted as the init folder or into it: the folder itself, and each file that the
 * image would run.
 */
export function initPaths({ mounts }: ComposeService): InitPath[] {
  return mounts.flatMap(({ type, source, target }): InitPath[] => {
    const inside = target === INIT_FOLDER || target.startsWith(`${INIT_FOLDER}/`);
    const stats =
      inside && type === 'bind' && source ? statSync(source, { throwIfNoEntry: false }) : undefined;
    if (!stats || !source) return [];
    if (!stats.isDirectory()) return [{ file: source, target, folder: false }];
    const own = { file: source, target, folder: true };
    // The image runs the entries of the folder itself, and ignores subfolders.
    return target === INIT_FOLDER ? [own, ...entriesOf(source)] : [own];
  });
}

function entriesOf(folder: string): InitPath[] {
  return readableNames(folder).flatMap((name): InitPath[] => {
    const file = join(folder, name);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return [];
    return [{ file, target: posix.join(INIT_FOLDER, name), folder: false }];
  });
}

/** A folder that this user cannot read either gives no names. */
function readableNames(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Mounted files of this machine with which the container starts or checks its health. */
export function startedScripts(project: ComposeProject, service: ComposeService): string[] {
  const words = [
    ...(service.entrypoint ?? []),
    ...(service.command ?? []),
    ...(service.healthcheck?.test ?? []).slice(1),
  ].flatMap((word) => word.split(/[\s;&|]+/));
  return words.flatMap((word) => {
    const path = word.startsWith('./') && service.workingDir ? posix.join(service.workingDir, word) : word;
    return path.startsWith('/') ? (hostPath(project, service, path) ?? []) : [];
  });
}
