import { posix } from 'node:path';
import type { ScaffoldFile } from './scaffold.js';

const NUMBERED = /^(\d+)(_.+)$/;

/**
 * Renumbers a new migration of the template if the project has its own migrations from that number on: it
 * gets the next free number. The API applies migrations in the order of their numbers, and an applied one
 * keeps its number.
 * @param folder of the migrations, relative to the project.
 * @param here names of the files in it.
 * @param isNew whether the project never had this file of the template.
 * @returns the new path by the template's path, for those that are renumbered.
 */
export function renumberMigrations(
  folder: string,
  here: readonly string[],
  theirs: readonly ScaffoldFile[],
  isNew: (path: string) => boolean,
): Record<string, string> {
  const moved: Record<string, string> = {};
  const numberOf = (name: string) => Number(NUMBERED.exec(name)?.[1] ?? 0);
  let last = Math.max(0, ...here.map(numberOf));
  const added = theirs
    .map(({ path }) => path)
    .filter((path) => posix.dirname(path) === folder && isNew(path))
    .sort();
  for (const path of added) {
    const [, digits = '', rest = ''] = NUMBERED.exec(posix.basename(path)) ?? [];
    if (digits === '') continue;
    last = Math.max(last + 1, Number(digits));
    const name = `${String(last).padStart(digits.length, '0')}${rest}`;
    if (name !== posix.basename(path)) moved[path] = posix.join(folder, name);
  }
  return moved;
}

/** Returns the files of a template with their paths in this project. */
export function placed(
  files: readonly ScaffoldFile[],
  renumbered: Readonly<Record<string, string>>,
): ScaffoldFile[] {
  return files.map((file) => ({ ...file, path: renumbered[file.path] ?? file.path }));
}
