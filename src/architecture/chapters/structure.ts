import type { Chapter } from '../chapter.js';
import { code, fence, paragraphs, sentence } from '../markdown.js';
import type { ProjectFile } from '../stack.js';

export const structure: Chapter = {
  name: 'structure',
  heading: 'Project structure',
  body({ files, composeFiles, scaffold }, paths) {
    const ignored = files.filter((file) => file.ignored);
    return paragraphs(
      'The files that have a part in the stack:',
      fence('text', treeLines(files).join('\n')),
      composeFiles.length > 1 &&
        `Compose lays ${sentence(composeFiles.slice(1).map((file) => paths.link(file)))} over ${paths.link(composeFiles[0] as string)}: a later file wins.`,
      ignored.length > 0 &&
        `${sentence(ignored.map(({ path }) => code(path)))} ${ignored.length === 1 ? 'is' : 'are'} not in git. A fresh clone lacks ${ignored.length === 1 ? 'it' : 'them'}${scaffold ? `: ${code('invctl init')} makes what is missing and leaves the rest alone` : ''}.`,
    );
  },
};

interface Folder {
  file?: ProjectFile;
  children: Map<string, Folder>;
}

function treeLines(files: readonly ProjectFile[]): string[] {
  const root: Folder = { children: new Map() };
  for (const file of files) {
    let at = root;
    for (const part of file.path.split('/')) {
      const next = at.children.get(part) ?? { children: new Map() };
      at.children.set(part, next);
      at = next;
    }
    at.file = file;
  }
  const rows: [path: string, what: string][] = [['.', '']];
  const visit = ({ children }: Folder, indent: string) => {
    const entries = [...children];
    for (const [index, [name, folder]] of entries.entries()) {
      const last = index === entries.length - 1;
      const isFolder = folder.children.size > 0 || folder.file?.folder === true;
      rows.push([`${indent}${last ? '└── ' : '├── '}${name}${isFolder ? '/' : ''}`, described(folder.file)]);
      visit(folder, `${indent}${last ? '    ' : '│   '}`);
    }
  };
  visit(root, '');
  const widest = Math.max(...rows.map(([path]) => [...path].length));
  return rows.map(([path, what]) =>
    what === '' ? path : `${path}${' '.repeat(widest - [...path].length)}  # ${what}`,
  );
}

function described(file: ProjectFile | undefined): string {
  if (!file) return '';
  return `${file.what.replaceAll('`', '')}${file.ignored ? ' (not in git)' : ''}`;
}
