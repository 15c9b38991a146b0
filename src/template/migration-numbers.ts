import { posix } from 'node:path';
import type { ScaffoldFile } from './scaffold.js';

const NUMBERED = /^(\d+)(_.+)$/;

/**
 * Gives a migration that is new in the template the next free number where the project has its own behind the one
 * that it would have: the API applies them in the order of their numbers, and one that is applied keeps its number.
 *
 * @param folder of the migrations, relative to the project.
 * @param here names of the files in it.
 * @param isNew whether the project has not, and never had, this file of the template.
 * @returns the new path by the template's, for those that move.
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

/** The files of a template at the paths that they have in this project. */
export function placed(
  files: readonly ScaffoldFile[],
  renumbered: Readonly<Record<string, string>>,
): ScaffoldFile[] {
  return files.map((file) => ({ ...file, path: renumbered[file.path] ?? file.path }));
}
