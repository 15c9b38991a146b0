import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { itemsAt } from './canonical.js';
import { checkConsistency } from './consistency.js';
import { invalidProject } from './invalid.js';
import { loadFiles } from './load.js';
import { COMPOSE_FILE_NAMES, OVERRIDE_FILE_NAMES, type ProjectLocation } from './locate.js';
import { normalize } from './normalize.js';
import { type ProjectEnvironment, readEnvironment } from './project-environment.js';
import { ProjectNotes, type Warn } from './project-notes.js';

import { mapAt, type TreeMap } from './tree.js';
import { checkValues } from './values.js';

/** A project's files as one checked tree, with the sources of its values. */
export interface LoadedProject {
  name: string;
  tree: TreeMap;
  environment: ProjectEnvironment;
  /** Services that no inactive profile hides, in file order. */
  active: ReadonlySet<string>;
  /** Compose's warnings, and the files that were read. */
  notes: ProjectNotes;
}

/**
 * Reads and checks a project from its files alone.
 * @param notes receives Compose's warnings, even if the project is refused
 * @param texts replace those of files, by absolute path
 * @throws UserError with exit code 4, file and line, for every error that Compose refuses.
 */
export function loadProject(
  location: ProjectLocation,
  env: NodeJS.ProcessEnv,
  notes = new ProjectNotes(),
  texts?: ReadonlyMap<string, string>,
): LoadedProject {
  const { warn } = notes;
  if (!location.explicitFiles) warnOfIgnoredFiles(location, warn);
  for (const file of location.envFiles) notes.envFiles.add(file);
  const environment = readEnvironment(location.envFiles, env, warn).with('COMPOSE_PROJECT_NAME', {
    value: location.name,
    origin: { kind: 'compose' },
  });
  const tree = loadFiles(
    { files: location.files, directory: location.directory, includedBy: [] },
    { environment, warn, readsEnvFile: (file) => notes.envFiles.add(file), ...(texts ? { texts } : {}) },
  );
  if (tree.entries.size === 0) {
    throw invalidProject('COMPOSE_INVALID', 'the compose file is empty', tree.at, 'add `services:`');
  }
  normalize(tree, location.name, environment);
  checkValues(tree);
  const active = activeServices(tree, environment);
  checkConsistency(tree, active);
  return { name: location.name, tree, environment, active, notes };
}

/** If there are several files with a name that Compose looks for, it takes the first. */
function warnOfIgnoredFiles({ directory, files }: ProjectLocation, warn: Warn): void {
  for (const [index, names] of [COMPOSE_FILE_NAMES, OVERRIDE_FILE_NAMES].entries()) {
    const ignored = names
      .map((name) => join(directory, name))
      .filter((path) => !files.includes(path) && existsSync(path));
    if (ignored.length > 0) warn(`several compose files: using ${files[index]}, not ${ignored.join(', ')}`);
  }
}

function activeServices(tree: TreeMap, environment: ProjectEnvironment): Set<string> {
  const enabled = (environment.lookup('COMPOSE_PROFILES') ?? '').split(',').map((profile) => profile.trim());
  const active = new Set<string>();
  for (const [name, service] of mapAt(tree, 'services')?.entries ?? []) {
    const profiles = itemsAt(service, 'profiles').map((node) => (node.kind === 'scalar' ? node.value : ''));
    const fits = profiles.some((profile) => enabled.includes('*') || enabled.includes(String(profile)));
    if (profiles.length === 0 || fits) active.add(name);
  }
  return active;
}
