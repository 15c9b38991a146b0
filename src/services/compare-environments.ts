import { type ServiceVariable, serviceVariables, type VariableSource } from '../project/environment.js';
import { chooseEnvironment } from '../project/environments.js';
import { type LoadedProject, loadProject } from '../project/loaded-project.js';
import { locateProject, type ProjectLocation } from '../project/locate.js';
import { modelProject } from '../project/read.js';
import { type SharedThing, sharedThings } from '../project/shared.js';
import type { ServiceContext } from './context.js';
import { redactedValue } from './environment.js';

/** A variable of a service in one environment. */
export interface ComparedValue {
  /** The service gets the variable, or the variable is unset on purpose. */
  set: boolean;
  value: string | null;
  redacted: boolean;
  source: { kind: VariableSource['kind']; file?: string; line?: number } | null;
}

export interface ComparedVariable {
  service: string;
  name: string;
  left: ComparedValue;
  right: ComparedValue;
  same: boolean;
}

export interface ComparedProject {
  /** Null: the project without an environment. */
  environment: string | null;
  project: string;
  /** Absolute. */
  files: string[];
}

export interface EnvironmentComparison {
  left: ComparedProject;
  right: ComparedProject;
  variables: ComparedVariable[];
  /** What both would use if they ran on one machine. */
  shared: SharedThing[];
}

interface Side {
  location: ProjectLocation;
  project: LoadedProject;
  variables: Map<string, Map<string, ServiceVariable>>;
}

/**
 * Compares two environments by their files alone: each variable of each service, and what both use. Secrets
 * are reported as the same or not, without their values.
 *
 * @param input.left undefined: the project as the context has it
 * @throws UserError of `chooseEnvironment`, and what is wrong with one of the two (exit 4)
 */
export async function compareEnvironments(
  context: ServiceContext,
  input: { left: string | undefined; right: string; showValues: boolean },
): Promise<EnvironmentComparison> {
  const left = input.left === undefined ? ownSide(context) : await sideOf(context, input.left);
  const right = await sideOf(context, input.right);
  const services = new Set([...left.variables.keys(), ...right.variables.keys()]);
  const variables = [...services].flatMap((service) => {
    const [one, other] = [left.variables.get(service), right.variables.get(service)];
    return [...new Set([...(one?.keys() ?? []), ...(other?.keys() ?? [])])].map((name): ComparedVariable => {
      const [a, b] = [one?.get(name)?.sources[0], other?.get(name)?.sources[0]];
      return {
        service,
        name,
        left: compared(name, a, input.showValues),
        right: compared(name, b, input.showValues),
        same: a?.value === b?.value,
      };
    });
  });
  const [ours, theirs] = [left, right].map(
    ({ project, location }) => modelProject(project, location).project,
  );
  return {
    left: described(left),
    right: described(right),
    variables,
    shared: ours && theirs ? sharedThings(ours, theirs) : [],
  };
}

function ownSide(context: ServiceContext): Side {
  return read(context.project(), context.env);
}

async function sideOf(context: ServiceContext, name: string): Promise<Side> {
  const env = { ...context.env };
  // These come from the environment of the command itself; the other one has its own.
  for (const variable of Object.keys(context.environment?.variables ?? {})) delete env[variable];
  if (context.host) delete env.DOCKER_HOST;
  const environment = await chooseEnvironment(context.directory, env, name);
  const own = { ...env, ...environment.variables };
  return read(locateProject(context.directory, own, environment), own);
}

function read(location: ProjectLocation, env: NodeJS.ProcessEnv): Side {
  const project = loadProject(location, env);
  const variables = new Map(
    [...project.active].map((service) => [service, serviceVariables(project, service, project.notes.warn)]),
  );
  return { location, project, variables };
}

function compared(name: string, source: VariableSource | undefined, showValues: boolean): ComparedValue {
  if (!source) return { set: false, value: null, redacted: false, source: null };
  const value = showValues ? source.value : redactedValue(name, source);
  return {
    set: source.value !== null,
    value,
    redacted: value !== source.value,
    source: { kind: source.kind, ...source.at },
  };
}

function described({ location }: Side): ComparedProject {
  return {
    environment: location.environment?.name ?? null,
    project: location.name,
    files: location.files,
  };
}
