import type { ServiceVariable } from '../project/environment.js';
import { Secret } from '../system/secret.js';
import type { ServiceContext } from './context.js';

/** A variable whose value in a running container or process differs from what a new one would get. */
export interface StaleVariable {
  name: string;
  /** The variable got another value, was added, or was removed since the container was created. */
  change: 'changed' | 'added' | 'removed';
  /**
   * The running value; null when there is none. Redacted unless asked for: whether a secret is part of an old
   * value cannot be known.
   */
  value: string | null;
  /** A variable of the shell took part: the result may differ in another terminal. */
  fromShell: boolean;
}

/** One running container or process of a service, or the absence of one. */
export interface LiveReport {
  service: string;
  /** The container's name, or `pid N`; absent: none runs. */
  instance?: string;
  /** False when none runs, or its environment cannot be read. */
  compared: boolean;
  stale: StaleVariable[];
  /** The command that recreates it; absent when nothing is stale. */
  next?: string;
}

/** The variables of each service, as its files and its image set them. */
export type VariablesByService = ReadonlyMap<string, ReadonlyMap<string, ServiceVariable>>;

/**
 * Compares the environment of what runs with the one that it would get now.
 * @throws UserError with exit code 3 when no engine answers.
 */
export async function compareWithRunning(
  { engine, project }: ServiceContext,
  variables: VariablesByService,
  { variable: only, showValues }: { variable?: string | undefined; showValues: boolean },
): Promise<LiveReport[]> {
  const environments = await (await engine()).environments(project(), [...variables.keys()]);
  return [...variables].flatMap(([service, sources]): LiveReport[] => {
    const live = environments.get(service) ?? [];
    if (live.length === 0) return [{ service, compared: false, stale: [] }];
    return live.map(({ instance, actual, expected }) => {
      if (!actual) return { service, instance, compared: false, stale: [] };
      const names = only === undefined ? [...new Set([...expected.keys(), ...actual.keys()])].sort() : [only];
      const stale = names.flatMap((name): StaleVariable[] => {
        const [has, wants] = [actual.get(name)?.reveal(), expected.get(name)?.reveal()];
        if (has === wants) return [];
        const shown = (value: string) => (showValues ? value : String(new Secret(value)));
        return [
          {
            name,
            change: has === undefined ? 'added' : wants === undefined ? 'removed' : 'changed',
            value: has === undefined ? null : shown(has),
            fromShell:
              sources.get(name)?.sources[0].interpolated.some(({ origin }) => origin.kind === 'shell') ??
              false,
          },
        ];
      });
      return {
        service,
        instance,
        compared: true,
        stale,
        // `restart` keeps the container and the environment that it was created with.
        ...(stale.length > 0 ? { next: `invctl up ${service}` } : {}),
      };
    });
  });
}
