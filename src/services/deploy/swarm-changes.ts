import type { ServiceSpec, SwarmService } from '../../engine/swarm/swarm.js';
import { UserError } from '../../errors.js';
import type { Json } from '../../export/swarm/json.js';
import type { ComposeProject } from '../../project/model.js';
import { type PresentMount, type ReplacedVolume, replacedVolumes } from '../../project/replaced-volumes.js';
import type { PinnedImage } from './swarm-images.js';
import type { VersionedSecret } from './swarm-secrets.js';

/** What a deployment changes in one service. Contains no value of a variable. */
export interface ServiceChange {
  service: string;
  action: 'create' | 'update' | 'unchanged' | 'leave';
  /** `image`, `environment GREETING`, `secret db_password`, `replicas 1 → 3` */
  changes: string[];
}

/** What is to be deployed. */
export interface Intended {
  project: ComposeProject;
  /** The services as the stack file has them, by their names. */
  definitions: Readonly<Record<string, Json>>;
  /** Digest of each definition, by the service's name: the value of its label {@link DEFINITION}. */
  digests: ReadonlyMap<string, string>;
  images: readonly PinnedImage[];
  secrets: readonly VersionedSecret[];
}

/** Label of a service: the digest of its definition when it was deployed, so that a change by hand is noticed. */
export const DEFINITION = 'dev.invctl.definition';

/**
 * Compares what runs with what is to be deployed. Changes that somebody made by hand are included, because
 * the deployment reverts them.
 */
export function compareServices(
  running: ReadonlyMap<string, SwarmService>,
  intended: Intended,
): ServiceChange[] {
  const { project, definitions, digests } = intended;
  const compared = Object.keys(definitions).map((name): ServiceChange => {
    const now = running.get(name);
    if (!now) return { service: name, action: 'create', changes: [] };
    const changes = differences(now.Spec, name, intended);
    if (changes.length === 0 && now.Spec.Labels?.[DEFINITION] !== digests.get(name)) {
      changes.push('another setting of the compose file');
    }
    return { service: name, action: changes.length > 0 ? 'update' : 'unchanged', changes };
  });
  const left = [...running.keys()].filter((name) => !(name in definitions));
  return [
    ...compared,
    ...left.map(
      (service): ServiceChange => ({
        service,
        action: 'leave',
        changes: [`it is not in the project any more: docker service rm ${project.name}_${service}`],
      }),
    ),
  ];
}

/** The volumes that services of the stack have, and that the project does not give them any more. */
export function volumesLeft(
  running: ReadonlyMap<string, SwarmService>,
  project: ComposeProject,
): ReplacedVolume[] {
  return [...running].flatMap(([name, { Spec }]) =>
    replacedVolumes(project, presentMounts(name, Spec.TaskTemplate.ContainerSpec)),
  );
}

function presentMounts(
  service: string,
  { Mounts }: ServiceSpec['TaskTemplate']['ContainerSpec'],
): Map<string, PresentMount[]> {
  const mounts = (Mounts ?? []).map(({ Type, Source, Target }) => ({
    type: Type,
    name: Source,
    path: Target,
  }));
  return new Map([[service, mounts]]);
}

/**
 * Refuses what the Swarm would refuse half-way: a service that is there keeps its mode.
 *
 * @throws UserError MODE_FIXED
 */
export function assertModesKept(
  running: ReadonlyMap<string, SwarmService>,
  definitions: Intended['definitions'],
  stack: string,
): void {
  const others = [...running].flatMap(([name, { Spec }]) => {
    const definition = definitions[name];
    const wanted = String((definition?.deploy as Json | undefined)?.mode ?? 'replicated');
    const now = MODES[Object.keys(Spec.Mode)[0] as keyof ServiceSpec['Mode']];
    return definition && now !== wanted ? [{ name, now, wanted }] : [];
  });
  if (others.length === 0) return;
  const told = others.map(({ name, now, wanted }) => `"${name}" is ${now} in the Swarm and ${wanted} here`);
  throw new UserError({
    code: 'MODE_FIXED',
    message: `${told.join(', ')}: the Swarm changes the mode of no service that is there`,
    hint: `docker service rm ${others.map(({ name }) => `${stack}_${name}`).join(' ')} && invctl deploy swarm      (its volumes stay)`,
  });
}

const MODES: Readonly<Record<keyof ServiceSpec['Mode'], string>> = {
  Replicated: 'replicated',
  Global: 'global',
  ReplicatedJob: 'replicated-job',
  GlobalJob: 'global-job',
};

function differences(
  { TaskTemplate, Mode }: ServiceSpec,
  name: string,
  { project, definitions, images, secrets }: Intended,
): string[] {
  const changes: string[] = [];
  const { ContainerSpec: container } = TaskTemplate;
  const image = images.find(({ service }) => service === name);
  if (image && container.Image !== image.pinned) changes.push(`image ${image.image}`);
  changes.push(...variables(container.Env ?? [], project.services[name]?.environment ?? {}));
  const mounted = new Set(container.Secrets?.map(({ SecretName }) => SecretName));
  for (const { source } of project.services[name]?.secrets ?? []) {
    const secret = secrets.find(({ key }) => key === source);
    if (secret && !mounted.has(secret.name)) changes.push(`secret ${source} → version ${secret.version}`);
  }
  const replaced = replacedVolumes(project, presentMounts(name, container));
  changes.push(...replaced.map(({ before, now }) => `volume ${before} → ${now ?? 'none'}`));
  const replicas = (definitions[name]?.deploy as Json | undefined)?.replicas;
  const now = Mode.Replicated?.Replicas;
  if (now !== undefined && now !== Number(replicas ?? 1)) {
    changes.push(`replicas ${now} → ${Number(replicas ?? 1)}`);
  }
  return changes;
}

function variables(now: readonly string[], wanted: Readonly<Record<string, string | null>>): string[] {
  const current = new Map(now.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
  const given = Object.entries(wanted).filter(([name, value]) => value !== null && name !== '');
  const names = new Set([...current.keys(), ...given.map(([name]) => name)]);
  return [...names]
    .filter((name) => current.get(name) !== (wanted[name] ?? undefined))
    .map((name) => `environment ${name}`)
    .sort();
}
