import { readdir, readFile, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import ignore from 'ignore';
import type { Template } from './manifest.js';
import { type ScaffoldOptions, templateVariables } from './options.js';
import { render } from './render.js';

/** A file of a scaffold, made from the template and the options without reading the disk. */
export type ScaffoldFile = { path: string; mode: number } & (
  | { policy: 'owned'; content: Buffer }
  | { policy: 'append'; content: string }
  /** `content` is the example; its values for the names in `generate` are placeholders. */
  | { policy: 'env'; content: string; generate: readonly string[] }
  | { policy: 'secret' }
);

const FILE_MODE = 0o644;

/** Returns every file of a scaffold, in the order in which they are written. */
export async function renderScaffold(template: Template, options: ScaffoldOptions): Promise<ScaffoldFile[]> {
  const variables = templateVariables(options);
  const files: ScaffoldFile[] = [];
  for (const tree of template.manifest.trees) files.push(...(await renderTree(template, tree, variables)));
  for (const file of template.manifest.files) {
    if (file.policy === 'secret') {
      files.push(file);
    } else if (file.policy === 'env') {
      const example = files.find(({ path }) => path === file.example);
      if (example?.policy !== 'owned') throw new Error(`${file.path}: the template has no ${file.example}`);
      files.push({ ...file, content: example.content.toString('utf8') });
    } else {
      const text = render(await readFile(join(template.folder, file.source), 'utf8'), variables);
      files.push(
        file.policy === 'owned'
          ? { path: file.path, mode: FILE_MODE, policy: 'owned', content: Buffer.from(text) }
          : { path: file.path, mode: FILE_MODE, policy: 'append', content: text },
      );
    }
  }
  return files;
}

async function renderTree(
  template: Template,
  tree: Template['manifest']['trees'][number],
  variables: Record<string, string>,
): Promise<ScaffoldFile[]> {
  const root = join(template.packageFolder, tree.source);
  const contents = new Map<string, Buffer>();
  for (const path of await listTree(root, ignore().add(tree.ignore))) {
    contents.set(path, await readFile(join(root, path)));
  }
  for (const { file, text, with: replacement } of tree.replace) {
    const before = contents.get(file)?.toString('utf8');
    if (!before?.includes(text)) throw new Error(`${tree.source}/${file} has no "${text}" to replace`);
    contents.set(file, Buffer.from(before.replaceAll(text, () => render(replacement, variables))));
  }
  return [...contents].map(([path, content]) => ({
    path: posix.join(tree.path, path),
    mode: FILE_MODE,
    policy: 'owned',
    content,
  }));
}

/**
 * Returns the paths, relative to `root` and sorted, of the files that no pattern excludes. Excluded folders
 * are not read.
 */
async function listTree(root: string, excluded: ignore.Ignore, below = ''): Promise<string[]> {
  const paths: string[] = [];
  const entries = await readdir(join(root, below), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = posix.join(below, entry.name);
    // The `node_modules` of a checkout may be a link.
    const isFolder = entry.isSymbolicLink()
      ? (await stat(join(root, path))).isDirectory()
      : entry.isDirectory();
    if (excluded.ignores(isFolder ? `${path}/` : path)) continue;
    if (isFolder) paths.push(...(await listTree(root, excluded, path)));
    else paths.push(path);
  }
  return paths;
}
