import { itemsAt } from './canonical.js';
import { serviceVariables } from './environment.js';
import { type ComposeConfig, projectFromModel } from './from-config.js';
import { type LoadedProject, loadProject } from './loaded-project.js';
import type { ProjectLocation } from './locate.js';
import type { ComposeProject } from './model.js';
import { pairsOf } from './normalize.js';
import { ProjectNotes, type Warn } from './project-notes.js';
import { scalarText } from './scalar.js';
import { shellWords } from './shell-words.js';
import { mapAt, plain, type TreeMap, type TreeNode, textAt } from './tree.js';

export interface ProjectReading {
  project: ComposeProject;
  /** Compose's warnings: variables that are not set, obsolete keys. */
  warnings: string[];
}

/**
 * Reads a Compose project from its files, without an engine, as `docker compose config` does: overrides are
 * merged, `extends` and `include` followed, `${…}` resolved, short forms expanded, env files applied, and
 * services of inactive profiles left out.
 * @throws UserError with exit code 4, file and 1-based line, for every error that Compose refuses.
 */
export async function readProject(
  location: ProjectLocation,
  env: NodeJS.ProcessEnv,
): Promise<ProjectReading> {
  return modelProject(loadProject(location, env), location);
}

/**
 * Returns the model of a loaded project with its env files applied.
 * @throws UserError ENV_FILE_MISSING, ENV_FILE_SYNTAX and those of interpolation, with file and line.
 */
export function modelProject(loaded: LoadedProject, location: ProjectLocation): ProjectReading {
  const model = configOf(loaded, loaded.notes.warn);
  return { project: projectFromModel(model, location), warnings: [...loaded.notes.warnings] };
}

/**
 * Returns a project in the form of Compose's JSON, without doubled dollar signs, with other texts for some of
 * its files.
 * @param texts by absolute path
 * @throws UserError as {@link readProject}
 */
export function readConfig(
  location: ProjectLocation,
  env: NodeJS.ProcessEnv,
  texts: ReadonlyMap<string, string>,
): ComposeConfig {
  return configOf(loadProject(location, env, new ProjectNotes(), texts), () => {});
}

function configOf(loaded: LoadedProject, warn: Warn): ComposeConfig {
  const services = Object.fromEntries(
    [...loaded.active].map((name) => [name, serviceModel(loaded, name, warn)]),
  );
  return { name: loaded.name, services, ...usedResources(loaded) };
}

/** Returns a service in the form of Compose's JSON. */
function serviceModel(loaded: LoadedProject, name: string, warn: Warn): Record<string, unknown> {
  const service = mapAt(loaded.tree, 'services', name) as TreeMap;
  const model = plain(service) as Record<string, unknown>;
  for (const key of ['command', 'entrypoint']) {
    const line = textAt(service, key);
    if (line !== undefined) model[key] = shellWords(line);
  }
  const test = textAt(service, 'healthcheck', 'test');
  if (test !== undefined) Object.assign(model.healthcheck as object, { test: ['CMD-SHELL', test] });
  const args = mapAt(service, 'build', 'args');
  if (args) Object.assign(model.build as object, { args: pairsModel(args) });
  const environment: Record<string, string | null> = {};
  for (const [variable, { sources }] of serviceVariables(loaded, name, warn)) {
    environment[variable] = sources[0].value;
  }
  model.environment = environment;
  return model;
}

function pairsModel(node: TreeNode): Record<string, string> {
  return Object.fromEntries(
    pairsOf(node).map(([key, value]) => [key, value.kind === 'scalar' ? scalarText(value.value) : '']),
  );
}

/** Returns the networks, volumes and secrets that an active service uses; Compose omits the others. */
function usedResources({ tree, active }: LoadedProject): Record<string, Record<string, unknown>> {
  const used = { networks: new Set<string>(), volumes: new Set<string>(), secrets: new Set<string>() };
  for (const name of active) {
    const service = mapAt(tree, 'services', name);
    for (const network of mapAt(service, 'networks')?.entries.keys() ?? []) used.networks.add(network);
    for (const mount of itemsAt(service, 'volumes')) {
      if (textAt(mount, 'type') === 'volume') used.volumes.add(textAt(mount, 'source') ?? '');
    }
    for (const secret of [...itemsAt(service, 'secrets'), ...itemsAt(mapAt(service, 'build'), 'secrets')]) {
      used.secrets.add(secret.kind === 'scalar' ? String(secret.value) : (textAt(secret, 'source') ?? ''));
    }
  }
  const resources = (section: keyof typeof used) =>
    Object.fromEntries(
      [...(mapAt(tree, section)?.entries ?? [])]
        .filter(([key]) => used[section].has(key))
        .map(([key, node]) => [key, plain(node)]),
    );
  return { networks: resources('networks'), volumes: resources('volumes'), secrets: resources('secrets') };
}
