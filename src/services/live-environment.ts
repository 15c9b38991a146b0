import type { ServiceVariable } from '../project/environment.js';
import { Secret } from '../system/secret.js';
import type { ServiceContext } from './context.js';

/** A variable that a running container or process has otherwise than a new one would. */
export interface StaleVariable {
  name: string;
  /** Since it was made, the variable got another value, was added, or was removed. */
  change: 'changed' | 'added' | 'removed';
  /**
   * What it has, null where that is nothing. Redacted unless asked for: nobody can tell any more whether a secret
   * went into an old value.
   */
  value: string | null;
  /** A variable of the shell took part: another terminal may see no difference. */
  fromShell: boolean;
}

/** One running container or process of a service, or the lack of one. */
export interface LiveReport {
  service: string;
  /** The container's name, or `pid N`; absent: none runs. */
  instance?: string;
  /** False where none runs, or its environment cannot be read. */
  compared: boolean;
  stale: StaleVariable[];
  /** What makes it anew; absent where nothing is stale. */
  next?: string;
}

/** The variables of each service, as its files and its image say. */
export type VariablesByService = ReadonlyMap<string, ReadonlyMap<string, ServiceVariable>>;

/**
 * Holds the environment of what runs against the one that it would get now.
 * @throws UserError with exit code 3 where no engine answers.
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
        // `restart` keeps a container, and with it what it was made with.
        ...(stale.length > 0 ? { next: `invctl up ${service}` } : {}),
      };
    });
  });
}
