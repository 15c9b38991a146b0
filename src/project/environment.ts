import { statSync } from 'node:fs';
import { itemsAt } from './canonical.js';
import { invalidProject } from './invalid.js';
import type { LoadedProject } from './loaded-project.js';
import { pairsOf } from './normalize.js';
import {
  type ProjectEnvironment,
  readEnvFile,
  type VariableOrigin,
  warnOfUnset,
} from './project-environment.js';
import type { Warn } from './project-notes.js';
import { scalarText } from './scalar.js';
import { mapAt, type Position, type Reference, type TreeMap, type TreeNode, textAt } from './tree.js';

/** One place that sets a variable. */
export interface VariableSource {
  kind: 'run' | 'environment' | 'env_file' | 'image';
  /** Absent for `run` and `image`. */
  at?: Position;
  /** Null: a bare name without a value, which unsets the variable. */
  value: string | null;
  /** The variables of its `${…}` and its bare name. */
  interpolated: InterpolatedVariable[];
}

export interface InterpolatedVariable {
  name: string;
  /** Null if it is not set. */
  value: string | null;
  /** `env_file`: an earlier key of the same env file or of a previous one. */
  origin: VariableOrigin | { kind: 'env_file' } | { kind: 'unset' };
}

/** Sources of a service's variables other than its files. */
export interface OtherSources {
  /** `ENV` of the image: all other sources override it. */
  image?: Readonly<Record<string, string>>;
  /** `NAME=value` or `NAME` as for `run -e`: overrides all other sources. */
  run?: readonly string[];
}

/**
 * A variable of a service: the source that counts comes first, then those that it overrides, nearest first.
 */
export interface ServiceVariable {
  name: string;
  sources: [VariableSource, ...VariableSource[]];
}

/**
 * Returns the sources of each variable in `environment` and `env_file` of a service, in the order in which
 * the names appear.
 * @throws UserError ENV_FILE_MISSING, ENV_FILE_SYNTAX and those of interpolation, with file and line.
 */
export function serviceVariables(
  project: LoadedProject,
  serviceName: string,
  warn: Warn,
  { image = {}, run = [] }: OtherSources = {},
): Map<string, ServiceVariable> {
  const service = mapAt(project.tree, 'services', serviceName);
  const variables = new Map<string, ServiceVariable>();
  if (!service) return variables;
  // From the weakest to the strongest source: each new one is put in front.
  for (const [name, value] of Object.entries(image)) {
    addSource(variables, name, { kind: 'image', value, interpolated: [] });
  }
  for (const [name, source] of envFileSources(service, project.environment, warn)) {
    addSource(variables, name, source);
  }
  for (const [name, source] of environmentSources(service, project.environment)) {
    addSource(variables, name, source);
  }
  for (const [name, source] of runSources(run, project.environment)) addSource(variables, name, source);
  return variables;
}

/** Absolute paths of a service's env files, including optional ones that do not exist. */
export function serviceEnvFiles(project: LoadedProject, serviceName: string): string[] {
  const service = mapAt(project.tree, 'services', serviceName);
  return itemsAt(service, 'env_file').map((entry) => textAt(entry, 'path') ?? '');
}

/** Absolute paths of every env file that the project reads, for `${…}` or for a service of any profile. */
export function usedEnvFiles(project: LoadedProject): Set<string> {
  const services = [...(mapAt(project.tree, 'services')?.entries.keys() ?? [])];
  return new Set([...project.notes.envFiles, ...services.flatMap((name) => serviceEnvFiles(project, name))]);
}

function addSource(variables: Map<string, ServiceVariable>, name: string, source: VariableSource): void {
  const known = variables.get(name);
  if (known) known.sources.unshift(source);
  else variables.set(name, { name, sources: [source] });
}

function* envFileSources(
  service: TreeMap,
  environment: ProjectEnvironment,
  warn: Warn,
): Generator<[string, VariableSource]> {
  const earlier = new Map<string, string>();
  // Names of earlier env files override the project environment; those of the same file do not.
  const lookup = (name: string) => earlier.get(name) ?? environment.lookup(name);
  for (const entry of itemsAt(service, 'env_file')) {
    const path = textAt(entry, 'path') ?? '';
    if (!isRequired(entry) && !statSync(path, { throwIfNoEntry: false })) continue;
    const format = textAt(entry, 'format');
    if (format) {
      // Compose before 2.30 has no `format` key; `raw` was added with it.
      throw invalidProject('COMPOSE_INVALID', `unsupported env_file format ${format}`, entry.at);
    }
    const { entries, unset } = readEnvFile(path, lookup, entry.at);
    for (const { name, line, endLine } of unset) {
      warnOfUnset(warn, { name, file: path, lines: { first: line, last: endLine } });
    }
    const before = new Set(earlier.keys());
    for (const { name, value, line, references } of entries) {
      yield [
        name,
        {
          kind: 'env_file',
          at: { file: path, line },
          value,
          interpolated: references.map((reference) => explainReference(reference, environment, before)),
        },
      ];
    }
    for (const { name, value } of entries) earlier.set(name, value);
  }
}

function* environmentSources(
  service: TreeMap,
  environment: ProjectEnvironment,
): Generator<[string, VariableSource]> {
  const node = service.entries.get('environment');
  for (const [name, value] of node ? pairsOf(node) : []) {
    for (const replaced of value.kind === 'scalar' ? [...(value.replaced ?? [])].reverse() : []) {
      const [[, earlier]] = pairsOf({ kind: 'list', items: [replaced], at: replaced.at }) as [
        [string, TreeNode],
      ];
      yield [name, environmentSource(name, earlier, environment)];
    }
    yield [name, environmentSource(name, value, environment)];
  }
}

function environmentSource(name: string, node: TreeNode, environment: ProjectEnvironment): VariableSource {
  const scalar = node.kind === 'scalar' ? node : undefined;
  const given = scalar?.value ?? null;
  const value = given === null ? (environment.lookup(name) ?? null) : scalarText(given);
  const references = given === null && value !== null ? [{ name, value }] : (scalar?.references ?? []);
  return {
    kind: 'environment',
    at: node.at,
    value,
    interpolated: references.map((reference) => explainReference(reference, environment, new Set())),
  };
}

/** A bare name that is not in the project environment changes nothing. */
function* runSources(
  entries: readonly string[],
  environment: ProjectEnvironment,
): Generator<[string, VariableSource]> {
  for (const entry of entries) {
    const sign = entry.indexOf('=');
    if (sign >= 0) {
      yield [entry.slice(0, sign), { kind: 'run', value: entry.slice(sign + 1), interpolated: [] }];
      continue;
    }
    const value = environment.lookup(entry);
    if (value === undefined) continue;
    const interpolated = [explainReference({ name: entry, value }, environment, new Set())];
    yield [entry, { kind: 'run', value, interpolated }];
  }
}

function explainReference(
  { name, value }: Reference,
  environment: ProjectEnvironment,
  earlierFiles: ReadonlySet<string>,
): InterpolatedVariable {
  const variable = earlierFiles.has(name) ? undefined : environment.variable(name);
  if (value === undefined) return { name, value: null, origin: { kind: 'unset' } };
  return { name, value, origin: variable?.origin ?? { kind: 'env_file' } };
}

function isRequired(entry: TreeNode): boolean {
  const required = entry.kind === 'map' ? entry.entries.get('required') : undefined;
  return required?.kind !== 'scalar' || !/^(false|n|no|off)$/i.test(String(required.value));
}
