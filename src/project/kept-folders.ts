import { relative } from 'node:path';
import type { ProjectLocation } from './locate.js';
import { resolvePath } from './paths.js';
import { readSettings } from './settings-file.js';

/**
 * Returns the folders, absolute, in which invctl keeps a project's backups. They are no source, also where a build
 * context has them in it: a backup changes them every night, and the receiver of a protection every second. The state
 * folder is none either, at whatever depth (build-context.ts).
 */
export async function keptFolders({ directory }: Pick<ProjectLocation, 'directory'>): Promise<string[]> {
  const settings = await readSettings({ directory }).catch(() => undefined);
  const folder = resolvePath(directory, settings?.backup.folder ?? 'backups');
  const holdsProject = !relative(folder, directory).startsWith('..');
  return holdsProject ? [] : [folder];
}
