import { parseEnvironment } from '../engine/environment-list.js';
import type { FixStep } from './check.js';
import type { Facts } from './facts.js';
import { place } from './reading.js';

/** While one of these checks fails, the files have wrong values, and a new container would get the same. */
export const VALUE_FAULTS = [
  'env.missing',
  'env.syntax',
  'env.required',
  'env.dollar',
  'env.unlisted',
  'env.bare-shadow',
  'env.placeholder',
  'db.localhost',
  'db.port',
  'db.role-missing',
  'db.database-missing',
  'db.both-set',
  'secret.app-path',
] as const;

interface Difference {
  name: string;
  /** A variable of the shell took part, which may differ between two terminals. */
  fromShell: boolean;
  place: { file?: string; line?: number };
}

export interface EnvironmentDifference {
  service: string;
  /** In the files, not in the container. */
  absent: Difference[];
  /** In both, with different values. */
  changed: Difference[];
}

/** Compares the environment of the running containers with the files. Values are compared, never shown. */
export async function containerEnvironment(facts: Facts): Promise<EnvironmentDifference[]> {
  const differences: EnvironmentDifference[] = [];
  for (const service of Object.values(facts.project.services)) {
    const [container] = await facts.containersOf(service.name);
    if (container?.State.Status !== 'running') continue;
    const actual = parseEnvironment(container.Config.Env);
    const absent: Difference[] = [];
    const changed: Difference[] = [];
    for (const [name, value] of Object.entries(service.environment)) {
      if (value === null || actual.get(name) === value) continue;
      (actual.has(name) ? changed : absent).push(differenceOf(facts, service.name, name));
    }
    if (absent.length + changed.length > 0) differences.push({ service: service.name, absent, changed });
  }
  return differences;
}

function differenceOf(facts: Facts, service: string, name: string): Difference {
  const source = facts.variables(service).get(name)?.sources[0];
  return {
    name,
    fromShell: source?.interpolated.some(({ origin }) => origin.kind === 'shell') ?? false,
    place: source?.at ? place(source.at) : {},
  };
}

/** Recreates a service's container. Its volumes stay, and so do the containers of others. */
export function recreate(facts: Facts, service: string): FixStep {
  return {
    summary: `docker compose up --detach --no-deps --no-build ${service}      (a new container; the data stays)`,
    async apply() {
      const { recreateContainer } = await import('../engine/docker-compose.js');
      await recreateContainer(facts.processes, facts.location, service, facts.signal);
    },
  };
}
