import { UserError } from '../../errors.js';
import { readProject } from '../../project/read.js';
import { containerDatabase } from '../compose/database-access.js';
import type { Engine, UpOutcome } from '../engine.js';
import type { ServiceStatus } from '../service-status.js';
import type { KubeObject } from './objects.js';
import { createPods, type PodDependencies } from './pods.js';

export interface KubernetesEngineDependencies extends PodDependencies {
  env: NodeJS.ProcessEnv;
}

/**
 * An engine for the services of a project that is deployed to a cluster. Commands that work in a service's
 * container, or ask its database, use its newest pod through `kubectl exec`. It builds nothing.
 *
 * @param recreate gives services pods with the present content of their secrets, and waits until they are ready
 */
export function createKubernetesEngine(
  { env, ...dependencies }: KubernetesEngineDependencies,
  recreate: (services: readonly string[]) => Promise<UpOutcome>,
): Engine {
  const { namespace } = dependencies.target;
  const pods = createPods(dependencies);
  const lacking = (what: string) => async (): Promise<never> => {
    throw new UserError({
      code: 'NOT_IN_CLUSTER',
      message: `invctl cannot ${what} in a cluster`,
      hint: `kubectl --namespace ${namespace} --help`,
    });
  };

  return {
    kind: 'docker',
    info: async () => ({ kind: 'docker', version: 'kubectl', notices: [] }),
    resolve: async (location) => (await readProject(location, env)).project,
    async status(location) {
      const { project } = await readProject(location, env);
      return Promise.all(
        Object.keys(project.services).map(async (name) => statusOf(name, await pods.of(name))),
      );
    },
    pipe: (_location, service, command, options) => pods.pipe(service, command, options),
    exec: (_location, service, command, options) => pods.exec(service, command, options),
    database: (location, service) =>
      containerDatabase(
        {
          pipe: (_, name, command, options) => pods.pipe(name, command, options),
          exec: (_, name, command, options) => pods.exec(name, command, options),
        },
        location,
        service,
      ),
    restart: (_location, services) => pods.restart(services),
    // The controller restarts a pod that ended.
    async up(location, { services, recreate: anew }) {
      if (anew) return recreate(services);
      const { project } = await readProject(location, env);
      const wanted = services.length > 0 ? services : Object.keys(project.services);
      for (const service of wanted) await pods.running(service);
      return { services: [], seconds: {}, failed: [], unchanged: [...wanted], outdated: [] };
    },
    build: lacking('build'),
    down: lacking('take a project down'),
    stop: lacking('stop a service'),
    start: lacking('start a service'),
    remove: lacking('remove a service'),
    // biome-ignore lint/correctness/useYield: an iteration that fails as it begins.
    async *logs() {
      await lacking('follow logs')();
    },
    run: lacking('run a one-off container'),
    forward: lacking('forward a port'),
    portOwner: async () => undefined,
    async inspect(_location, service) {
      const found = await pods.of(service);
      return found.map((pod) => ({ ...statusOf(service, [pod]), ...detailsOf(pod) }));
    },
    imageEnvironments: async () => new Map(),
    environments: async () => new Map(),
    networks: async () => [],
    volumes: async () => [],
    removeVolume: lacking('remove a volume'),
  };
}

function detailsOf({ spec, status }: KubeObject) {
  const [container] = spec?.containers ?? [];
  const [{ imageID = '' } = {}] = status?.containerStatuses ?? [];
  const digest = /sha256:[0-9a-f]{64}/.exec(imageID)?.[0];
  return {
    image: container?.image ?? '',
    ...(digest === undefined ? {} : { imageId: digest }),
    command: [...(container?.command ?? []), ...(container?.args ?? [])],
    mounts: [],
    networks: [],
    environment: {},
  };
}

function statusOf(name: string, pods: readonly KubeObject[]): ServiceStatus {
  const ready = ({ status }: KubeObject) =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
  // During a rollout, pods that are being removed are still ready.
  const [newest] = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const all =
    pods.length > 0 && pods.every((pod) => ready(pod) && pod.metadata.deletionTimestamp === undefined);
  return {
    name,
    state: newest === undefined ? 'absent' : newest.status?.phase === 'Running' ? 'running' : 'restarting',
    health: all ? 'healthy' : 'starting',
    restarts: 0,
    ports: [],
  };
}
