import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ignoreRules, { type Ignore } from 'ignore';

/** What the `.gitignore` files in a repository say about a path. */
export interface GitRules {
  /** Undefined: no `.gitignore` applies. @param path absolute, of a file */
  ignores(path: string): boolean | undefined;
}

/**
 * Rules of the `.gitignore` files from the project's folder up to its repository's, and of those between the project and
 * a path. A machine's own excludes (`core.excludesFile`, `.git/info/exclude`) do not count.
 */
export function gitRules(directory: string): GitRules {
  const known = new Map<string, Ignore | undefined>();
  const rulesIn = (folder: string) => {
    if (!known.has(folder)) {
      const file = join(folder, '.gitignore');
      known.set(folder, existsSync(file) ? ignoreRules().add(readFileSync(file, 'utf8')) : undefined);
    }
    return known.get(folder);
  };
  const top = repositoryOf(directory);
  return {
    ignores(path) {
      let verdict: boolean | undefined;
      // The last match wins, so the nearest file decides.
      for (const folder of foldersDownTo(top, dirname(path))) {
        const rules = rulesIn(folder);
        if (!rules) continue;
        const { ignored, unignored } = rules.test(relative(folder, path));
        verdict = ignored ? true : unignored ? false : (verdict ?? false);
      }
      return verdict;
    },
  };
}

/** The nearest folder above that contains `.git`, or the folder itself. */
function repositoryOf(directory: string): string {
  for (let folder = directory; ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return folder;
    if (dirname(folder) === folder) return directory;
  }
}

/** Folders from `top` to `folder`, both included; empty when `folder` is not below `top`. */
function foldersDownTo(top: string, folder: string): string[] {
  const folders: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    folders.unshift(at);
    if (at === top) return folders;
    if (dirname(at) === at) return [];
  }
}
