import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expandShortForms, itemsAt, resolvePaths, setDefaults } from './canonical.js';
import {
  clear,
  interpolateDocument,
  type LoadContext,
  readComposeFile,
  refuseRemote,
} from './compose-file.js';
import { applyExtends } from './extends.js';
import { invalidProject } from './invalid.js';
import { mergeFiles, removeDuplicates } from './merge.js';
import { resolvePath } from './paths.js';
import { type ProjectEnvironment, readDotEnvFiles } from './project-environment.js';
import type { ComposeDocument } from './read-yaml.js';
import { checkResources } from './resources.js';
import { checkSchema } from './schema.js';
import {
  isNull,
  mapAt,
  mapNode,
  type Position,
  plain,
  scalarNode,
  type TreeMap,
  type TreeNode,
  textAt,
} from './tree.js';

interface FileGroup {
  files: readonly string[];
  /** Folder that relative paths of these files start at. */
  directory: string;
  /** Files that include this one, for the message about a cycle. */
  includedBy: readonly string[];
  /** The `include` that names them. */
  askedBy?: Position;
}

/**
 * Loads compose files as one project: each is read, interpolated, extended and merged, with its includes,
 * over the one before; the result is checked, brought to its long forms, and given defaults and absolute
 * paths. The order of the steps is Compose's.
 * @throws UserError with exit code 4, file and line.
 */
export function loadFiles(group: FileGroup, context: LoadContext): TreeMap {
  let project = mapNode({ file: group.files[0] as string, line: 1 });
  for (const file of group.files) {
    for (const document of readComposeFile(file, context, group.askedBy)) {
      project = layDocument(project, document, file, group, context);
    }
  }
  setDefaults(project);
  checkResources(project);
  resolvePaths(project, group.directory);
  resolveBareNames(project, context.environment);
  return project;
}

function layDocument(
  project: TreeMap,
  document: ComposeDocument,
  file: string,
  group: FileGroup,
  context: LoadContext,
): TreeMap {
  const tree = interpolateDocument(document, context);
  applyExtends(tree, document, file, group.directory, context);
  clear(project, document.cleared);
  include(tree, group.directory, [...group.includedBy, file], context);
  const merged = removeDuplicates(mergeFiles(project, tree));
  checkSchema(merged);
  if (merged.entries.delete('version')) {
    context.warn(`${file}: the attribute \`version\` is obsolete, it will be ignored; remove it`);
  }
  expandShortForms(merged, context.warn);
  // A long form may reveal a duplicate that the short form hid, such as a range of ports.
  return removeDuplicates(merged);
}

const INCLUDED_SECTIONS = ['services', 'volumes', 'networks', 'secrets', 'configs'];

function include(
  tree: TreeMap,
  directory: string,
  includedBy: readonly string[],
  context: LoadContext,
): void {
  const entries = tree.entries.get('include');
  if (!entries) return;
  if (entries.kind !== 'list' && !isNull(entries)) {
    throw invalidProject('COMPOSE_INVALID', '`include` must be a list', entries.at);
  }
  for (const entry of itemsAt(tree, 'include')) {
    const paths = textsAt(entry, 'path').map((path) => {
      refuseRemote(path, entry.at);
      return resolvePath(directory, path);
    });
    const [main] = paths;
    if (main === undefined) throw invalidProject('COMPOSE_INVALID', 'this `include` names no file', entry.at);
    if (includedBy.includes(main)) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `files include each other in a circle: ${[...includedBy, main].join(' → ')}`,
        entry.at,
      );
    }
    const ownDirectory = textAt(entry, 'project_directory');
    const includedDirectory = ownDirectory ? resolvePath(directory, ownDirectory) : dirname(main);
    const environment = includedEnvironment(entry, directory, includedDirectory, context);
    const included = loadFiles(
      { files: paths, directory: includedDirectory, includedBy, askedBy: entry.at },
      { ...context, environment },
    );
    for (const section of INCLUDED_SECTIONS) importSection(tree, included, section);
  }
  tree.entries.delete('include');
}

function includedEnvironment(
  entry: TreeNode,
  directory: string,
  includedDirectory: string,
  { environment, warn, readsEnvFile }: LoadContext,
): ProjectEnvironment {
  const named = textsAt(entry, 'env_file').map((file) => resolvePath(directory, file));
  const ownFile = join(includedDirectory, '.env');
  const isFile = statSync(ownFile, { throwIfNoEntry: false })?.isDirectory() === false;
  const files = named.length > 0 ? named : isFile ? [ownFile] : [];
  for (const file of files) readsEnvFile(file);
  return environment.withDefaults(readDotEnvFiles(files, environment, warn));
}

function importSection(tree: TreeMap, included: TreeMap, section: string): void {
  const imported = mapAt(included, section);
  if (!imported) return;
  const own = mapAt(tree, section) ?? mapNode(imported.at);
  for (const [name, resource] of imported.entries) {
    const present = own.entries.get(name);
    if (present && JSON.stringify(plain(present)) !== JSON.stringify(plain(resource))) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `${section}.${name} conflicts with what ${resource.at.file} defines (line ${resource.at.line})`,
        present.at,
        'rename one, or override it from a file of its own',
      );
    }
    own.entries.set(name, resource);
  }
  tree.entries.set(section, own);
}

/**
 * Returns the strings at a key of an entry, which may be a string or a list; an entry that is a string itself
 * counts as its `path`.
 */
function textsAt(entry: TreeNode, key: string): string[] {
  const node = entry.kind === 'map' ? entry.entries.get(key) : key === 'path' ? entry : undefined;
  const items = node?.kind === 'list' ? node.items : node ? [node] : [];
  return items.flatMap((item) =>
    item.kind === 'scalar' && typeof item.value === 'string' ? [item.value] : [],
  );
}

/**
 * Resolves a bare `NAME` in the list form of `environment` with the environment of its own file, which
 * differs for an included file. (In the mapping form it is resolved later, with the project's.)
 */
function resolveBareNames(project: TreeMap, environment: ProjectEnvironment): void {
  for (const service of mapAt(project, 'services')?.entries.values() ?? []) {
    const list = service.kind === 'map' ? service.entries.get('environment') : undefined;
    if (list?.kind !== 'list') continue;
    list.items = list.items.map((item) => {
      if (item.kind !== 'scalar' || typeof item.value !== 'string') return item;
      const value = environment.lookup(item.value);
      if (value === undefined) return item;
      return {
        ...scalarNode(item.at, `${item.value}=${value}`),
        references: [{ name: item.value, value }],
        ...(item.replaced ? { replaced: item.replaced } : {}),
      };
    });
  }
}
