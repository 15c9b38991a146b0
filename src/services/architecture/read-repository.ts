import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Reading } from '../../doctor/reading.js';
import { itemsAt } from '../../project/canonical.js';
import { type LoadedProject, loadProject } from '../../project/loaded-project.js';
import type { ProjectLocation } from '../../project/locate.js';
import { exampleOf, ProjectEnvironment, readDotEnvFiles } from '../../project/project-environment.js';
import { modelProject } from '../../project/read.js';
import { mapAt, scalarNode, type TreeNode, textAt } from '../../project/tree.js';
import type { GitRules } from './git-rules.js';
import { StandIns } from './stand-ins.js';

/**
 * Placeholder for the name of a project that its files do not name. Each machine uses the name of its folder.
 */
const FOLDER_NAME = 'PROJECT';

/** An env file, and the file that was read in its place. Absolute paths. */
export interface ReadEnvFile {
  file: string;
  example?: string;
  read: 'file' | 'example' | 'nothing';
  /** Services that list the file in `env_file`. */
  services: string[];
}

export interface RepositoryReading {
  reading: Reading & Required<Pick<Reading, 'project' | 'loaded'>>;
  named: boolean;
  /** By absolute path of the file that each machine has. */
  envFiles: Map<string, ReadEnvFile>;
  /** Variables that no file of the repository sets. */
  open: string[];
}

/**
 * Reads a project as its repository has it, so that the result is the same on every machine: without
 * variables of the shell, with the example in place of an env file that each machine has for itself, and with
 * `${NAME}` where nothing gives a value.
 *
 * @throws UserError with exit code 4, file and line, for a project that Compose refuses.
 */
export function readRepository(location: ProjectLocation, git: GitRules): RepositoryReading {
  const envFiles = new Map<string, ReadEnvFile>();
  const described = (file: string) => {
    const known = envFiles.get(file) ?? describe(file, git);
    envFiles.set(file, known);
    return known;
  };
  const dotEnv = [...new Set([...location.envFiles, join(location.directory, '.env')])].flatMap((file) => {
    const { read, example } = described(file);
    return read === 'nothing' ? [] : [read === 'example' ? (example as string) : file];
  });
  if (describedNowhere(described(join(location.directory, '.env'))))
    envFiles.delete(join(location.directory, '.env'));
  const set = readDotEnvFiles(dotEnv, new ProjectEnvironment([]), () => {});
  const standIns = new StandIns(location.files, (variable) => set.has(variable));
  const read = (name: string) => {
    const place = { ...location, name, envFiles: dotEnv };
    return standIns.read((env) => {
      const loaded = loadProject(place, env);
      standInForEnvFiles(loaded, described);
      const { project } = modelProject(loaded, place);
      return { location: place, project, loaded, problems: [], notes: loaded.notes };
    });
  };
  const first = read(FOLDER_NAME);
  const name =
    first.loaded.environment.variable('COMPOSE_PROJECT_NAME')?.origin.kind === 'dotenv'
      ? first.loaded.environment.lookup('COMPOSE_PROJECT_NAME')
      : textAt(first.loaded.tree, 'name');
  const own = location.environment && name !== undefined ? location.name : name;
  return {
    reading: own === undefined ? first : read(own),
    named: name !== undefined,
    envFiles,
    open: standIns.names(),
  };
}

function describe(file: string, git: GitRules): ReadEnvFile {
  const example = exampleOf(file);
  if (example !== undefined) return { file, example, read: 'example', services: [] };
  const kept = existsSync(file) && git.ignores(file) !== true;
  return { file, read: kept ? 'file' : 'nothing', services: [] };
}

function describedNowhere({ file, read }: ReadEnvFile): boolean {
  return read === 'nothing' && !existsSync(file);
}

/**
 * Points `env_file` entries at the files to read in their place, and removes the entries that have no such
 * file.
 */
function standInForEnvFiles({ tree, active }: LoadedProject, described: (file: string) => ReadEnvFile): void {
  for (const name of active) {
    const list = mapAt(tree, 'services', name)?.entries.get('env_file');
    if (list?.kind !== 'list') continue;
    list.items = itemsAt(mapAt(tree, 'services', name), 'env_file').flatMap((entry): TreeNode[] => {
      const file = textAt(entry, 'path');
      if (!file || entry.kind !== 'map') return [];
      const { read, example, services } = described(file);
      if (!services.includes(name)) services.push(name);
      if (read === 'nothing') return [];
      if (read === 'example') entry.entries.set('path', scalarNode(entry.at, example as string));
      return [entry];
    });
  }
}
