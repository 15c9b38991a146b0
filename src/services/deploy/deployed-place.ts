import type { ServiceContext } from '../context.js';
import { type DeployedCluster, inCluster, kubectlFor, placeOf } from './cluster-project.js';
import { inSwarm } from './swarm-project.js';

/** Where the services of a project are, if Compose does not run them: both absent, on the engine itself. */
export interface DeployedPlace {
  cluster?: DeployedCluster | undefined;
  swarm?: boolean | undefined;
}

/** The project at such a place. Its files, its lock and its journal are those of the project itself. */
export function atPlace(context: ServiceContext, { cluster, swarm }: DeployedPlace): ServiceContext {
  if (cluster) return inCluster(context, cluster);
  return swarm ? inSwarm(context) : context;
}

/** For a sentence; undefined on the engine itself. */
export function placeWords({ cluster, swarm }: DeployedPlace, project: string): string | undefined {
  if (cluster) return placeOf(cluster);
  return swarm ? `the stack "${project}"` : undefined;
}

/** The command that shows what becomes of the services there. */
export function watchCommand({ cluster, swarm }: DeployedPlace, project: string): string {
  if (cluster) return `${kubectlFor(cluster)} get pods`;
  return swarm ? `docker stack ps --no-trunc ${project}` : 'invctl logs';
}

/** As the journal of an operation keeps it. */
export function journaled({ cluster, swarm = false }: DeployedPlace): {
  swarm: boolean;
  cluster?: DeployedCluster;
} {
  return { swarm, ...(cluster ? { cluster } : {}) };
}
