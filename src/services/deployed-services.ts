import type { DeployedService } from '../doctor/deployed.js';
import type { ServiceStatus } from '../engine/service-status.js';
import type { ServiceContext } from './context.js';

/** Where a project runs that has no service on the engine itself. */
export interface DeployedServices {
  orchestrator: 'swarm' | 'k8s' | 'unread';
  /** For a sentence: `the stack "shop"`. */
  place: string;
  services: ServiceStatus[];
  /** What is wrong, a sentence each: an update that did not succeed, or why nothing can be read. */
  problems: string[];
}

/**
 * Returns the services of a project where it is deployed. Undefined: it is not deployed. To be asked where the
 * engine itself has none: it takes a moment.
 */
export async function deployedServices(context: ServiceContext): Promise<DeployedServices | undefined> {
  const location = context.project();
  const { findDeployed } = await import('./deploy/deployed-project.js');
  const found = await findDeployed(context, location, async () => {
    const engine = await context.engine();
    return engine.resolve(location);
  });
  if (!found) return undefined;
  if ('unread' in found) {
    const { message, hint } = found.unread;
    const problems = [`what runs there cannot be read: ${message}; see: ${hint}`];
    return { orchestrator: 'unread', place: found.place, services: [], problems };
  }
  const { orchestrator, place, services, look } = found;
  return {
    orchestrator,
    place,
    services: services.map(statusOf),
    problems: services.flatMap(({ name, object, updateProblem, waits }) => [
      ...(waits === undefined ? [] : [`${name} waits for a node: ${waits.message}; see: ${waits.next}`]),
      ...(updateProblem === undefined ? [] : [`${name}: ${updateProblem}; see: ${look} ${object}`]),
    ]),
  };
}

function statusOf({ name, ready, wanted, oneShot, healthcheck, logs }: DeployedService): ServiceStatus {
  const running = ready > 0;
  return {
    name,
    state: running ? 'running' : oneShot ? 'exited' : wanted > 0 ? 'restarting' : 'absent',
    // Both orchestrators count a replica as ready once its check succeeds.
    health: !running || !healthcheck ? 'none' : ready < wanted ? 'starting' : 'healthy',
    restarts: 0,
    ports: [],
    ...(oneShot ? {} : { replicas: { ready, wanted } }),
    logs,
  };
}
