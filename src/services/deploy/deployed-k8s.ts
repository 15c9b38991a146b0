import type { Deployed, DeployedDatabase, DeployedService } from '../../doctor/deployed.js';
import type { Cluster } from '../../engine/kubernetes/cluster.js';
import type { KubeContainer, KubeObject, PodSpec } from '../../engine/kubernetes/objects.js';
import { progressOf } from '../../engine/kubernetes/progress.js';
import { objectName } from '../../export/k8s/objects.js';
import type { ComposeProject } from '../../project/model.js';
import { postgresServices } from '../../project/service-roles.js';
import { podSpec } from './k8s-objects.js';
import { containerStatuses, podsOf } from './k8s-rollout.js';
import { madeByInvctl } from './k8s-secrets.js';

const COMPONENT = 'app.kubernetes.io/component';
const WORKLOADS = ['deployment', 'statefulset', 'daemonset', 'job'];
const CNPG_CLUSTER = 'clusters.postgresql.cnpg.io';
const CNPG_BACKUP = 'backups.postgresql.cnpg.io';

/** What a namespace has of a project. Undefined: the credentials do not allow to read it. */
export interface KubeObjects {
  workloads: readonly KubeObject[];
  pods: readonly KubeObject[];
  configMaps: readonly KubeObject[];
  secrets: readonly KubeObject[] | undefined;
  /** Objects that tell a Prometheus operator what to scrape. */
  monitors: readonly KubeObject[];
  /** Of CloudNativePG. */
  backups: readonly KubeObject[];
  /** Workloads of every namespace. */
  neighbours: readonly KubeObject[] | undefined;
}

/**
 * @returns undefined where the namespace has no workload of the project
 * @throws UserError of {@link Cluster}, KUBE_FORBIDDEN where the workloads may not be read
 */
export async function readKubeObjects(
  cluster: Cluster,
  project: ComposeProject,
): Promise<KubeObjects | undefined> {
  const [pods, configMaps, secrets, clusters = [], backups = [], ...monitors] = await Promise.all([
    cluster.list('pod'),
    cluster.listIfAllowed('configmap'),
    cluster.listIfAllowed('secret'),
    cluster.listIfAllowed(CNPG_CLUSTER),
    cluster.listIfAllowed(CNPG_BACKUP),
    cluster.listIfAllowed('servicemonitors.monitoring.coreos.com'),
    cluster.listIfAllowed('podmonitors.monitoring.coreos.com'),
  ]);
  const workloads = await Promise.all(WORKLOADS.map((kind) => cluster.list(kind)));
  const own = [...workloads.flat(), ...clusters].filter(
    ({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === objectName(project.name),
  );
  if (own.length === 0) return undefined;
  const everywhere = await Promise.all(
    ['deployment', 'statefulset', 'daemonset'].map((kind) =>
      cluster.listIfAllowed(kind, { everywhere: true }),
    ),
  );
  return {
    workloads: own,
    pods,
    configMaps: configMaps ?? [],
    secrets,
    monitors: monitors.flatMap((found) => found ?? []),
    backups,
    neighbours: everywhere.includes(undefined) ? undefined : everywhere.flatMap((found) => found ?? []),
  };
}

/** The namespace as the checks of the doctor judge it. */
export function deployedK8s(
  project: ComposeProject,
  objects: KubeObjects,
  {
    kubectl,
    namespace,
    redeploy,
    backupFolder,
  }: { kubectl: string; namespace: string; redeploy: string; backupFolder: string },
): Deployed {
  const [monitor] = objects.monitors;
  return {
    orchestrator: 'k8s',
    place: `the namespace "${namespace}"`,
    redeploy,
    look: `${kubectl} describe`,
    backupFolder,
    services: objects.workloads.map((workload) => ({
      ...serviceOf(project, workload, objects),
      logs: `${kubectl} logs ${podsFlag(workload)} --all-containers --prefix`,
    })),
    neighbours: objects.neighbours?.flatMap((one) => containersOf(one).map(({ image }) => String(image))),
    ...(monitor ? { monitor: `${monitor.kind} ${monitor.metadata.name}` } : {}),
    database: databaseOf(project, objects, kubectl),
  };
}

/** A workload by its name would be one of its pods. */
function podsFlag({ kind, metadata, spec }: KubeObject): string {
  const labels: Record<string, string> =
    kind === 'Cluster' ? { 'cnpg.io/cluster': metadata.name } : (spec?.selector?.matchLabels ?? {});
  return `--selector ${Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')}`;
}

function serviceOf(
  project: ComposeProject,
  workload: KubeObject,
  objects: KubeObjects,
): Omit<DeployedService, 'logs'> {
  const { kind, metadata } = workload;
  const component = metadata.labels?.[COMPONENT] ?? metadata.name;
  const name = Object.keys(project.services).find((one) => objectName(one) === component) ?? component;
  const object = `${kind}/${metadata.name}`;
  const pods = podsOf(workload, objects.pods);
  const common = { name, object, ...countsOf(workload), logging: undefined };
  const killed = pods.map(killedForMemory).find((text) => text !== undefined);
  if (kind === 'Cluster') {
    return {
      ...common,
      oneShot: false,
      image: workload.spec?.imageName ?? 'the default of CloudNativePG',
      pinned: String(workload.spec?.imageName ?? '').includes('@sha256:'),
      memoryLimit: workload.spec?.resources?.limits?.memory !== undefined,
      ...(killed === undefined ? {} : { killed }),
      restarts: true,
      healthcheck: true,
      environment: {},
      command: [],
      hostMounts: [],
      secrets: [],
    };
  }
  const pod = podSpec(workload);
  const containers = containersOf(workload);
  const container = containers.find((one) => one.name === component) ?? containers[0] ?? { name: component };
  return {
    ...common,
    oneShot: kind === 'Job',
    image: container.image ?? '',
    pinned: String(container.image ?? '').includes('@sha256:'),
    memoryLimit: isLimited(container, component, pods),
    ...(killed === undefined ? {} : { killed }),
    restarts: (pod?.restartPolicy ?? 'Always') === 'Always',
    healthcheck: Boolean(container.readinessProbe || container.livenessProbe),
    environment: environmentOf(container, objects.configMaps),
    command: [...(container.command ?? []), ...(container.args ?? [])],
    hostMounts: hostMounts(pod, container),
    secrets: secretsOf(pod, container, objects.secrets),
  };
}

function countsOf(workload: KubeObject): Pick<DeployedService, 'wanted' | 'ready' | 'updateProblem'> {
  const { kind, spec = {}, status = {} } = workload;
  const wanted =
    kind === 'DaemonSet' ? (status.desiredNumberScheduled ?? 0) : (spec.replicas ?? spec.instances ?? 1);
  const ready = kind === 'DaemonSet' ? status.numberReady : (status.readyReplicas ?? status.readyInstances);
  const { failure } = progressOf(workload);
  return {
    wanted,
    ready: ready ?? 0,
    ...(failure ? { updateProblem: `its last update did not succeed (${failure.message})` } : {}),
  };
}

function containersOf(object: KubeObject): KubeContainer[] {
  return podSpec(object)?.containers ?? [];
}

/** A LimitRange of the namespace gives pods limits that their workload does not name. */
function isLimited(container: KubeContainer, name: string, pods: readonly KubeObject[]): boolean {
  if (container.resources?.limits?.memory !== undefined) return true;
  return (
    pods.length > 0 &&
    pods.every(({ spec }) => {
      const own = spec?.containers?.find((one) => one.name === name) ?? spec?.containers?.[0];
      return own?.resources?.limits?.memory !== undefined;
    })
  );
}

function killedForMemory(pod: KubeObject): string | undefined {
  if (pod.status?.reason === 'Evicted') return String(pod.status.message ?? 'evicted from its node').trim();
  const killed = containerStatuses(pod).some(
    ({ state, lastState }) =>
      state?.terminated?.reason === 'OOMKilled' || lastState?.terminated?.reason === 'OOMKilled',
  );
  return killed ? 'OOMKilled' : undefined;
}

/** Values of ConfigMaps and of the container itself; those of Secrets are not in clear. */
function environmentOf(container: KubeContainer, configMaps: readonly KubeObject[]): Record<string, string> {
  const mapped = (container.envFrom ?? []).map(({ configMapRef }) => {
    const found = configMaps.find(({ metadata }) => metadata.name === configMapRef?.name);
    return (found?.data ?? {}) as Record<string, string>;
  });
  const own = (container.env ?? []).flatMap(({ name, value }) =>
    value === undefined ? [] : [[name, value]],
  );
  return Object.assign({}, ...mapped, Object.fromEntries(own));
}

function hostMounts(pod: PodSpec | undefined, container: KubeContainer): DeployedService['hostMounts'] {
  return (container.volumeMounts ?? []).flatMap(({ name, mountPath, readOnly = false }) => {
    const path = pod?.volumes?.find((volume) => volume.name === name)?.hostPath?.path;
    return path === undefined ? [] : [{ source: path, target: mountPath, readOnly }];
  });
}

function secretsOf(
  pod: PodSpec | undefined,
  container: KubeContainer,
  secrets: readonly KubeObject[] | undefined,
): DeployedService['secrets'] {
  const mounted = (pod?.volumes ?? []).flatMap(({ secret }) => secret?.secretName ?? []);
  const inherited = (container.envFrom ?? []).flatMap(({ secretRef }) => secretRef?.name ?? []);
  return [...new Set([...mounted, ...inherited])].map((name) => {
    const found = secrets?.find(({ metadata }) => metadata.name === name);
    const keeper = found && !madeByInvctl(found) ? keeperOf(found) : undefined;
    return keeper === undefined ? { name } : { name, keeper };
  });
}

/** External Secrets, Sealed Secrets and the operators of vaults own the Secrets that they write. */
function keeperOf({ metadata }: KubeObject): string | undefined {
  const [owner] = metadata.ownerReferences ?? [];
  return owner ? `${owner.kind} ${owner.name}` : undefined;
}

function databaseOf(project: ComposeProject, { workloads, backups }: KubeObjects, kubectl: string) {
  const names = postgresServices(project).map(({ name }) => objectName(name));
  const found = workloads.find(({ metadata }) => names.includes(metadata.labels?.[COMPONENT] ?? ''));
  if (!found) {
    const where = 'the database is outside of the cluster, and so are its backups';
    return { kind: 'elsewhere', where } satisfies DeployedDatabase;
  }
  if (found.kind !== 'Cluster') return { kind: 'service' } satisfies DeployedDatabase;
  const cluster = found.metadata.name;
  const newest = backups
    .filter(({ spec, status }) => spec?.cluster?.name === cluster && status?.phase === 'completed')
    .map(({ status }) => String(status?.stoppedAt ?? ''))
    .sort()
    .at(-1);
  return {
    kind: 'operator',
    cluster,
    ...(newest ? { newest } : {}),
    command: `${kubectl} cnpg backup ${cluster}`,
  } satisfies DeployedDatabase;
}
