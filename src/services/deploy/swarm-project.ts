import { createSwarmEngine } from '../../engine/swarm/engine.js';
import { createSwarm } from '../../engine/swarm/swarm.js';
import type { ServiceContext } from '../context.js';
import { deployLocked } from './swarm.js';

/**
 * The project as it runs in the Swarm, in place of the one that this machine's Compose runs. Starting its
 * services deploys the images that run now. The caller holds the project's lock.
 */
export function inSwarm(context: ServiceContext): ServiceContext {
  const { processes, env, signal } = context;
  const engine = createSwarmEngine(context, async ({ timeoutMs }) => {
    const { seconds, services } = await deployLocked(context, createSwarm(processes, env, signal), {
      dryRun: false,
      journaled: false,
      images: 'running',
      timeoutMs,
      chooseNode: async (_, [node]) => {
        if (!node) throw new Error('a Swarm has a node');
        return node;
      },
      onEvent: () => {},
    });
    const unchanged = services.flatMap(({ action, service }) => (action === 'unchanged' ? [service] : []));
    return { services: [], seconds, failed: [], unchanged, outdated: [] };
  });
  return { ...context, project: () => context.project(), engine: async () => engine };
}
