import type { Deployed, DeployedService } from '../../doctor/deployed.js';
import type {
  EngineImage,
  Swarm,
  SwarmNode,
  SwarmSecret,
  SwarmService,
  SwarmTask,
} from '../../engine/swarm/swarm.js';
import { type ComposeProject, imageName } from '../../project/model.js';
import { postgresServices } from '../../project/service-roles.js';
import { nodeCause } from './swarm-causes.js';
import { madeByInvctl } from './swarm-secrets.js';

/** What the Swarm has of a project. */
export interface SwarmObjects {
  services: ReadonlyMap<string, SwarmService>;
  tasks: readonly SwarmTask[];
  nodes: readonly SwarmNode[];
  secrets: readonly SwarmSecret[];
  /** Images of this node, by the name that a service has. */
  images: ReadonlyMap<string, EngineImage>;
  serviceImages: readonly string[];
  defaultLogDriver: string;
}

/** @returns undefined where the Swarm has no stack of the project's name */
export async function readSwarmObjects(swarm: Swarm, stack: string): Promise<SwarmObjects | undefined> {
  const services = await swarm.services(stack);
  if (services.size === 0) return undefined;
  const named = [...new Set([...services.values()].map(({ Spec }) => Spec.TaskTemplate.ContainerSpec.Image))];
  const [tasks, nodes, secrets, serviceImages, defaultLogDriver, ...images] = await Promise.all([
    swarm.tasks([...services.values()]),
    swarm.nodes(),
    swarm.secrets(),
    swarm.serviceImages(),
    swarm.defaultLogDriver(),
    ...named.map(async (name) => [name, await swarm.image(name)] as const),
  ]);
  const here = images.flatMap(([name, image]) => (image ? [[name, image] as const] : []));
  return { services, tasks, nodes, secrets, images: new Map(here), serviceImages, defaultLogDriver };
}

/** The stack as the checks of the doctor judge it. */
export function deployedSwarm(
  project: ComposeProject,
  objects: SwarmObjects,
  { docker, redeploy, backupFolder }: { docker: string; redeploy: string; backupFolder: string },
): Deployed {
  const databases = postgresServices(project);
  return {
    orchestrator: 'swarm',
    place: `the stack "${project.name}"`,
    redeploy,
    look: `${docker} service ps --no-trunc`,
    backupFolder,
    services: [...objects.services].map(([name, service]) => ({
      ...serviceOf(project, name, service, objects),
      logs: `${docker} service logs ${service.Spec.Name}`,
    })),
    neighbours: objects.serviceImages,
    database: databases.some(({ name }) => objects.services.has(name))
      ? { kind: 'service' }
      : { kind: 'elsewhere', where: 'no service of the stack is a PostgreSQL' },
  };
}

function serviceOf(
  project: ComposeProject,
  name: string,
  { ID, Spec, UpdateStatus }: SwarmService,
  { tasks, nodes, secrets, images, defaultLogDriver }: SwarmObjects,
): Omit<DeployedService, 'logs'> {
  const { TaskTemplate, Mode } = Spec;
  const { ContainerSpec, Resources, RestartPolicy, LogDriver } = TaskTemplate;
  const own = tasks.filter(({ ServiceID }) => ServiceID === ID);
  const wanted = own.filter(({ DesiredState }) => DesiredState === 'running');
  const composed = project.services[name];
  const byId = /^sha256:/.test(ContainerSpec.Image);
  const killed = own.map(killedForMemory).find((text) => text !== undefined);
  const pending = wanted.find(({ Status }) => Status.State === 'pending' && Status.Err);
  const driver = LogDriver?.Name || defaultLogDriver;
  return {
    name,
    object: Spec.Name,
    oneShot: Boolean(Mode.ReplicatedJob || Mode.GlobalJob),
    image: byId && composed ? imageName(project, composed) : ContainerSpec.Image,
    pinned: byId || ContainerSpec.Image.includes('@sha256:'),
    wanted: Mode.Replicated ? (Mode.Replicated.Replicas ?? 1) : wanted.length,
    ready: slotsRunning(wanted, nodes),
    ...(pending ? { waits: waitsOf(pending, Spec.Name, nodes) } : {}),
    ...(/paused|rollback/.test(UpdateStatus?.State ?? '')
      ? { updateProblem: `its last update did not succeed (${UpdateStatus?.State})` }
      : {}),
    memoryLimit: (Resources?.Limits?.MemoryBytes ?? 0) > 0,
    ...(killed === undefined ? {} : { killed }),
    restarts: RestartPolicy?.Condition !== 'none',
    healthcheck: hasHealthcheck(
      ContainerSpec.Healthcheck?.Test ?? images.get(ContainerSpec.Image)?.Config?.Healthcheck?.Test,
      images.has(ContainerSpec.Image),
    ),
    environment: Object.fromEntries((ContainerSpec.Env ?? []).map(splitVariable)),
    command: [...(ContainerSpec.Command ?? []), ...(ContainerSpec.Args ?? [])],
    hostMounts: (ContainerSpec.Mounts ?? []).flatMap(({ Type, Source = '', Target, ReadOnly = false }) =>
      Type === 'bind' ? [{ source: Source, target: Target, readOnly: ReadOnly }] : [],
    ),
    logging: { driver, bounded: driver === 'local' || Boolean(LogDriver?.Options?.['max-size']) },
    secrets: (ContainerSpec.Secrets ?? []).map(({ SecretName }) => {
      const found = secrets.find(({ Spec: { Name } }) => Name === SecretName);
      return found && madeByInvctl(found)
        ? { name: SecretName }
        : { name: SecretName, keeper: 'whoever made it in the Swarm' };
    }),
  };
}

/** A node that went away leaves its tasks as they last were, beside those that took their place. */
function slotsRunning(tasks: readonly SwarmTask[], nodes: readonly SwarmNode[]): number {
  const away = new Set(nodes.filter(({ Status }) => Status.State !== 'ready').map(({ ID }) => ID));
  const running = tasks.filter(
    ({ Status, NodeID }) => Status.State === 'running' && !away.has(NodeID as string),
  );
  return new Set(running.map(({ ID, Slot, NodeID }) => Slot ?? NodeID ?? ID)).size;
}

function waitsOf(
  task: SwarmTask,
  object: string,
  nodes: readonly SwarmNode[],
): { message: string; next: string } {
  const cause = nodeCause(task, object, nodes);
  return {
    message: cause?.message ?? task.Status.Err ?? 'no node takes it',
    next: cause?.next ?? `docker service ps --no-trunc ${object}`,
  };
}

/** The engine ends a container with 137 (SIGKILL) also when its health check fails, and says so then. */
function killedForMemory({ Status }: SwarmTask): string | undefined {
  const { State, Err = '', ContainerStatus } = Status;
  if (State !== 'failed' || ContainerStatus?.ExitCode !== 137 || /unhealthy/i.test(Err)) return undefined;
  return 'exit code 137';
}

function hasHealthcheck(test: readonly string[] | null | undefined, isHere: boolean): boolean | undefined {
  if (test?.length) return test[0] !== 'NONE';
  return isHere ? false : undefined;
}

function splitVariable(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
