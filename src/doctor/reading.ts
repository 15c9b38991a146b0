import { UserError } from '../errors.js';
import { itemsAt } from '../project/canonical.js';
import { projectFromConfig } from '../project/from-config.js';
import { type LoadedProject, loadProject } from '../project/loaded-project.js';
import {
  type LocatedEnvironment,
  type LocatedHost,
  locateProject,
  type ProjectLocation,
} from '../project/locate.js';
import type { ComposeProject } from '../project/model.js';
import { ProjectEnvironment } from '../project/project-environment.js';
import { ProjectNotes } from '../project/project-notes.js';
import { modelProject } from '../project/read.js';
import { mapAt, mapNode, type Position, plain, scalarNode, type TreeNode, textAt } from '../project/tree.js';

/**
 * As much of a project as can be read: what would be refused is a problem, and the rest is read without it.
 */
export interface Reading {
  location: ProjectLocation;
  /** Undefined when the files cannot be read at all. */
  project?: ComposeProject;
  /** The files with positions; line 0 when only Compose itself could read them. */
  loaded?: LoadedProject;
  /** Why Compose would refuse the project, in order. */
  problems: UserError[];
  notes: ProjectNotes;
}

/** Value for a variable that `${X:?}` requires, so that the rest can be read. */
const STAND_IN = '0';
const MOST_PROBLEMS = 50;

/**
 * Finds a project whose `.env` may be broken.
 * @throws UserError NO_PROJECT and the like (exit 4)
 */
export function locateBroken(
  directory: string,
  env: NodeJS.ProcessEnv,
  environment?: LocatedEnvironment,
  host?: LocatedHost,
): { location: ProjectLocation; problems: UserError[] } {
  try {
    return { location: locateProject(directory, env, environment, host), problems: [] };
  } catch (error) {
    if (!isProblem(error) || !ENV_FILE_CODES.has(error.code)) throw error;
    const withoutFiles = { ...env, COMPOSE_DISABLE_ENV_FILE: '1', COMPOSE_ENV_FILES: undefined };
    const location = locateProject(directory, withoutFiles, environment, host);
    return { location, problems: [error] };
  }
}

const ENV_FILE_CODES = new Set([
  'ENV_FILE_SYNTAX',
  'ENV_FILE_MISSING',
  'ENV_FILE_UNREADABLE',
  'INTERPOLATION_SYNTAX',
  'VARIABLE_REQUIRED',
]);

/**
 * Reads a project by removing, one by one, the parts that would be refused.
 * @param texts replace those of files, by absolute path
 */
export function readBroken(
  location: ProjectLocation,
  env: NodeJS.ProcessEnv,
  known: readonly UserError[],
  texts?: ReadonlyMap<string, string>,
): Reading {
  const problems = [...known];
  const environment = { ...env };
  const ignored = new Set<string>();
  let notes = new ProjectNotes();
  while (problems.length < MOST_PROBLEMS) {
    notes = new ProjectNotes();
    try {
      const loaded = loadProject(location, environment, notes, texts);
      dropEnvFiles(loaded, ignored);
      const { project } = modelProject(loaded, location);
      return { location, project, loaded, problems, notes };
    } catch (error) {
      if (!isProblem(error)) throw error;
      problems.push(error);
      const required = /^(?:.*: )?the variable (\S+) is required/.exec(error.message)?.[1];
      const envFile = brokenEnvFile(error);
      if (error.code === 'VARIABLE_REQUIRED' && required && !(required in environment)) {
        environment[required] = STAND_IN;
      } else if (envFile !== undefined && !ignored.has(envFile)) {
        ignored.add(envFile);
      } else {
        break;
      }
    }
  }
  return { location, problems, notes };
}

/** The reading of Compose's own output, for a project that only Compose can read. */
export function readingOfConfig(location: ProjectLocation, json: unknown): Reading {
  const project = projectFromConfig(json, location);
  const notes = new ProjectNotes();
  const tree = treeOf(json, { file: location.files[0] as string, line: 0 });
  return {
    location,
    project,
    loaded: {
      name: project.name,
      tree: tree.kind === 'map' ? tree : mapNode(tree.at),
      environment: new ProjectEnvironment([]),
      active: new Set(Object.keys(project.services)),
      notes,
    },
    problems: [],
    notes,
  };
}

/** The keys of a service in Compose's long forms. */
// biome-ignore lint/suspicious/noExplicitAny: what a compose file holds is as free as JSON.
export function serviceKeys(reading: Reading, service: string): Record<string, any> {
  const node = mapAt(reading.loaded?.tree, 'services', service);
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  return node ? (plain(node) as Record<string, any>) : {};
}

/** Where a key of the merged project is written; when it is not written, where its nearest parent is. */
export function placeOf(
  reading: Reading,
  ...path: readonly string[]
): { file: string; line?: number } | undefined {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = mapAt(reading.loaded?.tree, ...path.slice(0, depth - 1));
    const node = parent?.entries.get(path[depth - 1] as string);
    if (node) return place(node.at);
  }
  const [file] = reading.location.files;
  return file === undefined ? undefined : { file };
}

/** Where an entry of a service's list is written, found by its text in Compose's long form. */
export function placeOfItem(
  reading: Reading,
  service: string,
  list: 'volumes' | 'ports' | 'secrets',
  field: 'target' | 'source',
  value: string,
): { file: string; line?: number } | undefined {
  const items = itemsAt(mapAt(reading.loaded?.tree, 'services', service), list);
  const item = items.find((one) => textAt(one, field) === value);
  return item ? place(item.at) : placeOf(reading, 'services', service, list);
}

export function place({ file, line }: Position): { file: string; line?: number } {
  return line > 0 ? { file, line } : { file };
}

function isProblem(error: unknown): error is UserError {
  return error instanceof UserError && error.exitCode === 4;
}

/** The missing env file that a problem names; undefined for other problems. */
export function missingEnvFile(error: UserError): string | undefined {
  if (error.code !== 'ENV_FILE_MISSING') return undefined;
  return /^the env file (.+) is not there$/.exec(error.message)?.[1];
}

/** A mistake inside an env file, not in the compose file. */
export function isEnvFileProblem({ code, file }: UserError): boolean {
  if (code === 'ENV_FILE_SYNTAX' || code === 'ENV_FILE_UNREADABLE') return true;
  return code === 'INTERPOLATION_SYNTAX' && file !== undefined && !/\.ya?ml$/.test(file);
}

/** The env file that a problem is about: in its `file`, or in the message if the file is missing. */
function brokenEnvFile(error: UserError): string | undefined {
  if (error.code === 'ENV_FILE_MISSING' || error.code === 'ENV_FILE_UNREADABLE') {
    return /^the env file (.+) (?:is not there|is a folder|cannot be read)$/.exec(error.message)?.[1];
  }
  return ENV_FILE_CODES.has(error.code) ? error.file : undefined;
}

function dropEnvFiles({ tree, active }: LoadedProject, ignored: ReadonlySet<string>): void {
  for (const name of active) {
    const service = mapAt(tree, 'services', name);
    const list = service?.entries.get('env_file');
    if (list?.kind !== 'list') continue;
    list.items = itemsAt(service, 'env_file').filter((entry) => !ignored.has(textAt(entry, 'path') ?? ''));
  }
}

function treeOf(value: unknown, position: Position): TreeNode {
  if (Array.isArray(value)) {
    return { kind: 'list', items: value.map((item) => treeOf(item, position)), at: position };
  }
  if (typeof value === 'object' && value !== null) {
    return mapNode(
      position,
      Object.entries(value).map(([key, item]) => [key, treeOf(item, position)]),
    );
  }
  const scalar = typeof value === 'string' ? value.replaceAll('$$', '$') : value;
  return scalarNode(position, scalar as string | number | boolean | null);
}
