import { readdirSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { ComposeProject, ComposeService } from '../project/model.js';
import { hostPath } from '../project/mounted-file.js';

/** Where the official image looks for what it runs after it has made a new data folder. */
export const INIT_FOLDER = '/docker-entrypoint-initdb.d';

/** A file or folder of this machine that the image finds in its init folder. */
export interface InitPath {
  /** Absolute, on this machine. */
  file: string;
  /** In the container. */
  target: string;
  folder: boolean;
}

/** What is mounted as the init folder or into it: the folder itself, and each file that the image would run. */
export function initPaths({ mounts }: ComposeService): InitPath[] {
  return mounts.flatMap(({ type, source, target }): InitPath[] => {
    const inside = target === INIT_FOLDER || target.startsWith(`${INIT_FOLDER}/`);
    const stats =
      inside && type === 'bind' && source ? statSync(source, { throwIfNoEntry: false }) : undefined;
    if (!stats || !source) return [];
    if (!stats.isDirectory()) return [{ file: source, target, folder: false }];
    const own = { file: source, target, folder: true };
    // The image takes the entries of the folder itself, and looks into no other.
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

/** A folder that is closed to us as well has no names here. */
function readableNames(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Files of this machine that the container starts or checks its health with, where they are mounted. */
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
