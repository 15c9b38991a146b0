import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ProjectFile, StackEnvFile, StackSecret, StackService } from '../../architecture/stack.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { GitRules } from './git-rules.js';

interface Parts {
  composeFiles: readonly string[];
  services: readonly StackService[];
  secrets: readonly StackSecret[];
  envFiles: readonly StackEnvFile[];
}

/** Files beside the compose file that say how the stack is run; those that exist are listed. */
const USUAL: readonly [path: string, what: string][] = [
  ['invctl.yaml', "invctl's settings for this project"],
  ['.invctl/lock.json', 'what `invctl init` made the project from'],
  ['.gitignore', 'what git keeps out of the repository'],
  ['README.md', 'where a reader begins'],
];
const API_FOLDERS: readonly [path: string, what: string][] = [
  ['package.json', 'dependencies'],
  ['requirements.txt', 'dependencies'],
  ['pyproject.toml', 'dependencies'],
  ['go.mod', 'dependencies'],
  ['Gemfile', 'dependencies'],
  ['pom.xml', 'dependencies'],
  ['src', 'the source'],
  ['migrations', "the database's schema, step by step"],
];

/** The files and folders of a project that its stack uses, by path. */
export function projectFiles(location: ProjectLocation, git: GitRules, parts: Parts): ProjectFile[] {
  const found = new Map<string, ProjectFile>();
  const add = (path: string, what: string, folder = false) => {
    if (path.startsWith('..') || path.startsWith('/') || path.startsWith('~') || path.includes('$')) return;
    const known = found.get(path);
    if (known) {
      if (!known.what.includes(what)) known.what += `; ${what}`;
      return;
    }
    const absolute = join(location.directory, path);
    const ignored = git.ignores(folder ? join(absolute, 'x') : absolute) === true;
    found.set(path, { path, folder, what, ignored });
  };
  parts.composeFiles.forEach((path, index) => {
    add(path, index === 0 ? 'the stack' : 'laid over the file before it');
  });
  for (const { name, build, mounts } of parts.services) {
    if (build && !build.remote) {
      const built = parts.services.filter((one) => one.build?.context === build.context);
      const images = `the image${built.length === 1 ? '' : 's'} of ${list(built.map((one) => one.name))}`;
      const are = built.length === 1 ? 'is' : 'are';
      if (build.context !== '.') add(build.context, `what ${images} ${are} built from`, true);
      if (build.dockerfile) add(build.dockerfile, `how ${images} ${are} built`);
      if (build.ignore) add(build.ignore.file, 'what the builder never sees');
      for (const [path, what] of API_FOLDERS) {
        const inside = join(build.context, path);
        const stat = statSync(join(location.directory, inside), { throwIfNoEntry: false });
        if (stat) add(inside, what, stat.isDirectory());
      }
    }
    for (const { type, source, target } of mounts) {
      if (type !== 'bind' || source === undefined || source === '.') continue;
      const isFolder = !/\.\w+$/.test(source);
      add(source, `mounted into \`${name}\` at \`${target}\``, isFolder);
    }
  }
  for (const { file, example, services } of parts.envFiles) {
    add(
      file,
      services.length > 0 ? `settings of ${list(services)}` : 'values for `${…}` in the compose file',
    );
    if (example) add(example, `explains \`${file}\``);
  }
  for (const { file, name } of parts.secrets) if (file) add(file, `the secret \`${name}\``);
  for (const [path, what] of USUAL) if (existsSync(join(location.directory, path))) add(path, what);
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Names in a line of the tree: all of them when there are few. */
function list(names: readonly string[]): string {
  return names.length > 4 ? `${names.length} services` : names.map((name) => `\`${name}\``).join(', ');
}
