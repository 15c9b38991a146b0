import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode, UserError } from '../errors.js';
import type { EnvStatement } from '../project/env-statements.js';
import {
  type InterpolatedVariable,
  type ServiceVariable,
  serviceEnvFiles,
  serviceVariables,
  usedEnvFiles,
  type VariableSource,
} from '../project/environment.js';
import { type LoadedProject, loadProject } from '../project/loaded-project.js';
import { imageName } from '../project/model.js';
import { nearest } from '../project/nearest.js';
import { exampleOf, readEnvStatements } from '../project/project-environment.js';
import { textAt } from '../project/tree.js';
import { isSecretName, redact, Secret } from '../system/secret.js';
import type { ServiceContext } from './context.js';
import { compareWithRunning, type LiveReport } from './live-environment.js';

/** A source of a value, in the form of the JSON output. */
export interface SourceReport {
  kind: VariableSource['kind'];
  file?: string;
  line?: number;
}

export interface InterpolatedReport {
  name: string;
  set: boolean;
  source: { kind: InterpolatedVariable['origin']['kind']; file?: string; line?: number };
}

export interface VariableReport {
  service: string;
  name: string;
  /** False: the variable is unset in the container, whatever weaker sources set. */
  set: boolean;
  value: string | null;
  /** The value is not shown, or only in part. */
  redacted: boolean;
  source: SourceReport;
  /** Weaker sources that also set it, strongest first. */
  shadowed: (SourceReport & { value: string | null })[];
  interpolated: InterpolatedReport[];
}

export interface ExplainInput {
  /** Only this variable. */
  variable?: string | undefined;
  /** Only these services. */
  services?: readonly string[];
  /** Variables that `run -e` would set. */
  run?: readonly string[];
  showValues?: boolean;
  /** Compare with the environment of the running containers (processes). */
  live?: boolean;
}

export interface Explanation {
  variables: VariableReport[];
  /** With `live` only. */
  live?: LiveReport[];
}

/**
 * Explains every variable of every service: the source that wins, those that it shadows, and the `${…}` that
 * took part. Reads files only; when an engine answers, the image's `ENV` is the weakest source.
 *
 * @throws UserError UNKNOWN_VARIABLE, UNKNOWN_SERVICE (exit 2), what is wrong with the project (exit 4), and
 * with `live` the lack of an engine (exit 3).
 */
export async function explainEnvironment(
  context: ServiceContext,
  { variable, services = [], run = [], showValues = false, live = false }: ExplainInput,
): Promise<Explanation> {
  const project = loadProject(context.project(), context.env);
  const wanted = chosenServices(project, services);
  const images = await imageEnvironments(context, project, wanted);
  const reports: VariableReport[] = [];
  const names = new Set<string>();
  const variablesOf = new Map<string, ReadonlyMap<string, ServiceVariable>>();
  for (const service of wanted) {
    const image = images.get(service) ?? {};
    const variables = serviceVariables(project, service, project.notes.warn, { image, run });
    variablesOf.set(service, variables);
    for (const one of variables.values()) {
      names.add(one.name);
      if (variable === undefined || one.name === variable)
        reports.push(variableReport(service, one, showValues));
    }
  }
  for (const warning of project.notes.warnings) context.warn(warning);
  const compared = live
    ? await compareWithRunning(context, variablesOf, { variable, showValues })
    : undefined;
  // A variable that was removed from the files may still be in a container.
  const leftOver = compared?.some(({ stale }) => stale.length > 0) ?? false;
  if (variable !== undefined && reports.length === 0 && !leftOver) {
    throw unknown('UNKNOWN_VARIABLE', 'variable', variable, [...names]);
  }
  return { variables: reports, ...(compared ? { live: compared } : {}) };
}

/** `ENV` of each service's image. Without an engine it is not known, and the report covers the files only. */
async function imageEnvironments(
  context: ServiceContext,
  project: LoadedProject,
  services: readonly string[],
): Promise<Map<string, Record<string, string>>> {
  const imageOf = (name: string) => {
    const image = textAt(project.tree, 'services', name, 'image');
    return imageName(project, { name, ...(image ? { image } : {}) });
  };
  try {
    const found = await (await context.engine()).imageEnvironments(services.map(imageOf));
    return new Map(services.map((name) => [name, found.get(imageOf(name)) ?? {}]));
  } catch (error) {
    if (error instanceof UserError && error.exitCode === ExitCode.engineUnavailable) return new Map();
    throw error;
  }
}

function chosenServices(project: LoadedProject, names: readonly string[]): string[] {
  const active = [...project.active];
  for (const name of names) {
    if (!project.active.has(name)) throw unknown('UNKNOWN_SERVICE', 'service', name, active);
  }
  return names.length > 0 ? [...names] : active;
}

function unknown(code: string, noun: string, name: string, known: readonly string[]): UserError {
  const near = nearest(name, known);
  return new UserError({
    code,
    message: `no ${noun} is called ${name}`,
    exitCode: ExitCode.usage,
    hint: near ? `did you mean ${near}?` : `invctl env list`,
  });
}

function variableReport(
  service: string,
  { name, sources }: ServiceVariable,
  showValues: boolean,
): VariableReport {
  const [winner, ...losers] = sources;
  const shown = (source: VariableSource) => (showValues ? source.value : redactedValue(name, source));
  return {
    service,
    name,
    set: winner.value !== null,
    value: shown(winner),
    redacted: shown(winner) !== winner.value,
    source: sourceReport(winner),
    shadowed: losers.map((source) => ({ ...sourceReport(source), value: shown(source) })),
    interpolated: winner.interpolated.map(interpolatedReport),
  };
}

/** A value is secret because of its name, or because a secret is part of it. */
export function redactedValue(name: string, { value, interpolated }: VariableSource): string | null {
  if (value === null || value === '') return value;
  const fromSecret = interpolated.some((one) => one.value && isSecretName(one.name));
  return isSecretName(name) || fromSecret ? String(new Secret(value)) : redact(value);
}

function sourceReport({ kind, at }: VariableSource): SourceReport {
  return { kind, ...at };
}

function interpolatedReport({ name, value, origin }: InterpolatedVariable): InterpolatedReport {
  return { name, set: value !== null, source: { kind: origin.kind, ...('at' in origin ? origin.at : {}) } };
}

export interface EnvFileDifference {
  file: string;
  example: string;
  /** The file does not exist. */
  absent: boolean;
  /** Names that the example has and the file lacks. */
  missing: string[];
  /** Names that only the file has. */
  extra: string[];
  /** Names of secrets that still have the example's value. */
  placeholders: string[];
}

/**
 * Compares `.env` and every env file of a service with the example beside it.
 *
 * @throws UserError with exit code 4 for a project or an env file that Compose refuses.
 */
export async function diffEnvironment(context: ServiceContext): Promise<EnvFileDifference[]> {
  const location = context.project();
  const project = loadProject(location, context.env);
  const files = new Set([...location.envFiles, join(location.directory, '.env')]);
  for (const service of project.active) for (const file of serviceEnvFiles(project, service)) files.add(file);
  const used = usedEnvFiles(project);
  return [...files].flatMap((file) => {
    const example = exampleOf(file, used);
    return example === undefined ? [] : [difference(file, example)];
  });
}

function difference(file: string, example: string): EnvFileDifference {
  const expected = statementsByName(example);
  const absent = !exists(file);
  const actual = absent ? new Map<string, EnvStatement>() : statementsByName(file);
  return {
    file,
    example,
    absent,
    missing: [...expected.keys()].filter((name) => !actual.has(name)),
    extra: [...actual.keys()].filter((name) => !expected.has(name)),
    placeholders: [...expected].flatMap(([name, { text }]) =>
      isSecretName(name) && text !== '' && actual.get(name)?.text === text ? [name] : [],
    ),
  };
}

function statementsByName(file: string): Map<string, EnvStatement> {
  return new Map(readEnvStatements(file).map((statement) => [statement.name, statement]));
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}
