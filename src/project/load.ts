import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expandShortForms, itemsAt, resolvePaths, setDefaults } from './canonical.js';
import { type InterpolationContext, interpolateTree } from './interpolate-tree.js';
import { invalidProject } from './invalid.js';
import { extendService, mergeFiles, removeDuplicates } from './merge.js';
import { isRemoteFile, resolvePath } from './paths.js';
import { type ProjectEnvironment, readDotEnvFiles, unsetWarning } from './project-environment.js';
import { type ComposeDocument, readYaml } from './read-yaml.js';
import { checkSchema } from './schema.js';
import {
  cloneTree,
  isNull,
  mapAt,
  mapNode,
  type Position,
  plain,
  scalarNode,
  type TreeList,
  type TreeMap,
  type TreeNode,
  textAt,
} from './tree.js';

/** What loading needs to know and whom it tells. */
export interface LoadContext {
  environment: ProjectEnvironment;
  warn(message: string): void;
}

interface FileGroup {
  files: readonly string[];
  /** Relative paths of these files start here. */
  directory: string;
  /** Files that include this one, for the message about a cycle. */
  includedBy: readonly string[];
  /** The `include` that asks for them. */
  askedBy?: Position;
}

/**
 * Loads compose files as one: each read, interpolated, extended, with its includes, merged over the one before,
 * checked, in its long forms, with defaults and absolute paths. The order of the steps is Compose's own.
 *
 * @throws UserError with exit code 4, file and line.
 */
export function loadFiles(group: FileGroup, context: LoadContext): TreeMap {
  let project = mapNode({ file: group.files[0] as string, line: 1 });
  for (const file of group.files) {
    for (const document of readComposeFile(file, group.askedBy)) {
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
  const tree = interpolateTree(document.tree, interpolation(context));
  applyExtends(tree, file, group.directory, context, [document]);
  clear(project, document.cleared);
  include(tree, group.directory, [...group.includedBy, file], context);
  const merged = removeDuplicates(mergeFiles(project, tree));
  checkSchema(merged);
  if (merged.entries.delete('version')) {
    context.warn(`${file}: the attribute \`version\` is obsolete, it will be ignored; remove it`);
  }
  expandShortForms(merged, context.warn);
  // A long form may show a double that its short form hid, such as a range of ports.
  return removeDuplicates(merged);
}

function interpolation({ environment, warn }: LoadContext): InterpolationContext {
  return { lookup: environment.lookup, unset: (name) => warn(unsetWarning(name)) };
}

function readComposeFile(file: string, askedBy?: Position): ComposeDocument[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw invalidProject(
      'COMPOSE_FILE_UNREADABLE',
      `the compose file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      askedBy ?? { file, line: 1 },
    );
  }
  return readYaml(text, file);
}

/** Removes from earlier files what `!reset` and `!override` in a later one clear. */
function clear(tree: TreeMap, paths: readonly string[][]): void {
  for (const path of paths) mapAt(tree, ...path.slice(0, -1))?.entries.delete(path.at(-1) as string);
}

// --- extends ---------------------------------------------------------------------------------------------------

interface Extending {
  services: TreeMap;
  /** The file of these services. */
  file: string;
  directory: string;
  /** Documents whose `!reset` and `!override` also hold against what is extended. */
  documents: readonly ComposeDocument[];
  trail: readonly string[];
}

function applyExtends(
  tree: TreeMap,
  file: string,
  directory: string,
  context: LoadContext,
  documents: readonly ComposeDocument[],
): void {
  const services = tree.entries.get('services');
  if (services?.kind !== 'map') return;
  for (const name of services.entries.keys()) {
    extendFrom(name, { services, file, directory, documents, trail: [] }, context);
  }
}

/** The service with all that it extends, also written back to its services. Null for a service that says nothing. */
function extendFrom(name: string, here: Extending, context: LoadContext): TreeNode {
  const service = here.services.entries.get(name) as TreeNode;
  const extension = service.kind === 'map' ? service.entries.get('extends') : undefined;
  if (service.kind !== 'map' || !extension) return service;
  const base = extension.kind === 'map' ? textAt(extension, 'service') : textAt(service, 'extends');
  if (base === undefined) {
    throw invalidProject('COMPOSE_INVALID', `services.${name}.extends names no service`, extension.at);
  }
  const fileName = extension.kind === 'map' ? textAt(extension, 'file') : undefined;
  const there = fileName === undefined ? here : extendedFile(fileName, here, extension, context);
  if (!there.services.entries.has(base)) {
    throw invalidProject(
      'COMPOSE_INVALID',
      `services.${name} extends the service ${base}, which is not in ${there.file}`,
      extension.at,
    );
  }
  const step = `${name} in ${here.file}`;
  if (here.trail.includes(step)) {
    throw invalidProject(
      'COMPOSE_INVALID',
      `services extend each other in a circle: ${[...here.trail, step].join(' → ')}`,
      extension.at,
    );
  }
  const extended = extendFrom(base, { ...there, trail: [...here.trail, step] }, context);
  if (extended.kind !== 'map') return service;
  const source = cloneTree(extended);
  for (const document of there.documents) {
    clear(mapNode(source.at, [['services', mapNode(source.at, [[name, source]])]]), document.cleared);
  }
  const merged = extendService(source, service);
  merged.entries.delete('extends');
  here.services.entries.set(name, merged);
  return merged;
}

function extendedFile(
  fileName: string,
  here: Extending,
  extension: TreeNode,
  context: LoadContext,
): Extending {
  refuseRemote(fileName, extension.at);
  const file = resolvePath(here.directory, fileName);
  const directory = dirname(file);
  const documents = readComposeFile(file, extension.at);
  let tree = mapNode(extension.at);
  for (const document of documents) {
    tree = removeDuplicates(mergeFiles(tree, interpolateTree(document.tree, interpolation(context))));
    expandShortForms(tree, context.warn);
    tree = removeDuplicates(tree);
  }
  resolvePaths(tree, directory);
  const services = tree.entries.get('services');
  if (services?.kind !== 'map') {
    throw invalidProject('COMPOSE_INVALID', `${file} has no services to extend`, extension.at);
  }
  return { ...here, services, file, directory, documents: [...here.documents, ...documents] };
}

// --- include ---------------------------------------------------------------------------------------------------

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
  { environment, warn }: LoadContext,
): ProjectEnvironment {
  const named = textsAt(entry, 'env_file').map((file) => resolvePath(directory, file));
  const ownFile = join(includedDirectory, '.env');
  const isFile = statSync(ownFile, { throwIfNoEntry: false })?.isDirectory() === false;
  const files = named.length > 0 ? named : isFile ? [ownFile] : [];
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

/** The strings of an entry that is a string itself, or of its key, which may be a string or a list. */
function textsAt(entry: TreeNode, key: string): string[] {
  const node = entry.kind === 'map' ? entry.entries.get(key) : key === 'path' ? entry : undefined;
  const items = node?.kind === 'list' ? node.items : node ? [node] : [];
  return items.flatMap((item) =>
    item.kind === 'scalar' && typeof item.value === 'string' ? [item.value] : [],
  );
}

function refuseRemote(path: string, at: Position): void {
  if (!isRemoteFile(path)) return;
  throw invalidProject(
    'COMPOSE_REMOTE',
    `${path} is fetched from elsewhere, which only the Docker engine's Compose can do`,
    at,
    'use the docker engine, or keep a copy beside the project',
  );
}

// --- checks and leftovers --------------------------------------------------------------------------------------

/** What no schema can say of volumes, secrets and configs (compose-go, validation). */
function checkResources(project: TreeMap): void {
  for (const [name, volume] of mapAt(project, 'volumes')?.entries ?? []) {
    if (volume.kind !== 'map' || plainBoolean(volume, 'external') !== true) continue;
    const other = [...volume.entries.keys()].find(
      (key) => key !== 'name' && key !== 'external' && !key.startsWith('x-'),
    );
    if (other) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `volumes.${name}: an external volume cannot have \`${other}\``,
        (volume.entries.get(other) as TreeNode).at,
        `remove \`${other}\` or \`external\``,
      );
    }
  }
  checkSources(project, 'secrets', ['file', 'environment']);
  checkSources(project, 'configs', ['file', 'environment', 'content']);
}

function checkSources(project: TreeMap, section: string, sources: string[]): void {
  for (const [name, resource] of mapAt(project, section)?.entries ?? []) {
    if (resource.kind !== 'map') continue;
    const given = sources.filter((source) => resource.entries.has(source));
    if (given.length > 1) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `${section}.${name}: ${given.map((source) => `\`${source}\``).join(' and ')} exclude each other`,
        (resource.entries.get(given[1] as string) as TreeNode).at,
        'keep one of them',
      );
    }
    if (given.length === 0 && !resource.entries.has('driver') && !resource.entries.has('external')) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `${section}.${name}: one of ${sources.map((source) => `\`${source}\``).join(', ')} must be set`,
        resource.at,
        `add \`${sources[0]}: …\``,
      );
    }
  }
}

function plainBoolean(map: TreeMap, key: string): boolean | undefined {
  const node = map.entries.get(key);
  return node?.kind === 'scalar' && typeof node.value === 'boolean' ? node.value : undefined;
}

/**
 * A bare `NAME` in the list form of `environment` takes its value from the environment of the file that it is in:
 * an included file's own. (In the mapping form it takes the project's, later.)
 */
function resolveBareNames(project: TreeMap, environment: ProjectEnvironment): void {
  for (const service of mapAt(project, 'services')?.entries.values() ?? []) {
    const list = service.kind === 'map' ? service.entries.get('environment') : undefined;
    if (list?.kind !== 'list') continue;
    (list as TreeList).items = list.items.map((item) => {
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
