import type { UpOutcome } from '../../engine/engine.js';
import type { ClusterTarget } from '../../engine/kubernetes/argv.js';
import { type Cluster, createCluster } from '../../engine/kubernetes/cluster.js';
import type { KubeObject } from '../../engine/kubernetes/objects.js';
import { ExitCode, UserError } from '../../errors.js';
import { kubernetesManifests } from '../../export/k8s/manifests.js';
import { objectName } from '../../export/k8s/objects.js';
import type { ExportSource } from '../../export/source.js';
import type { ComposeProject } from '../../project/model.js';
import type { ServiceContext } from '../context.js';
import { exportSource } from '../export.js';
import { explainKubeFailures } from './k8s-causes.js';
import { nameOf } from './k8s-objects.js';
import { awaitKubeRollout, dropStuckPods } from './k8s-rollout.js';
import {
  planKubeSecrets,
  removeUnusedKubeSecrets,
  secretBases,
  secretNames,
  secretObjects,
  type VersionedKubeSecret,
  withSecretNames,
} from './k8s-secrets.js';

/** As long as a deployment waits. */
const ROLLOUT_MS = 300_000;

/** The workloads of some services, and the version of each of their Secrets that has the files' content. */
export interface HeldSecrets {
  workloads: KubeObject[];
  /** By the name of a Secret in the cluster. */
  planned: ReadonlyMap<string, VersionedKubeSecret>;
}

/**
 * Reads which Secrets the workloads of services have, and which version has the content of the project's files.
 * @throws UserError of {@link planKubeSecrets}
 */
export async function heldSecrets(
  cluster: Cluster,
  source: ExportSource,
  services: readonly string[],
): Promise<HeldSecrets> {
  const workloads = await workloadsOf(cluster, source.project, services);
  const bases = await secretBases(cluster);
  const held = workloads.flatMap(secretNames).flatMap((name) => {
    const base = bases.get(name);
    return base === undefined ? [] : [[name, base] as const];
  });
  const wanted = new Set(held.map(([, base]) => base));
  const { namespace } = cluster.target;
  // What a service gets of Secrets does not depend on what the database becomes.
  const { secrets: needed } = kubernetesManifests(source, { database: 'statefulset', namespace });
  const ofFiles = await planKubeSecrets(
    cluster,
    source,
    needed.filter(({ name }) => wanted.has(name)),
    true,
  );
  const planned = held.flatMap(([name, base]) => {
    const secret = ofFiles.find((one) => one.base === base);
    return secret ? [[name, secret] as const] : [];
  });
  return { workloads, planned: new Map(planned) };
}

/** Those that can be rolled out; a Job has read its Secrets. */
async function workloadsOf(
  cluster: Cluster,
  project: ComposeProject,
  services: readonly string[],
): Promise<KubeObject[]> {
  const components = services.map(objectName);
  const all = await Promise.all(
    ['deployment', 'statefulset', 'daemonset'].map((kind) =>
      cluster.list(kind, `app.kubernetes.io/name=${objectName(project.name)}`),
    ),
  );
  return all
    .flat()
    .filter(({ metadata }) => components.includes(metadata.labels?.['app.kubernetes.io/component'] ?? ''));
}

/**
 * What a deployment has applied of the workloads, with other Secrets.
 * @throws UserError KUBE_CONFLICT where somebody else has applied one
 */
export async function withOtherSecrets(
  cluster: Cluster,
  workloads: readonly KubeObject[],
  names: ReadonlyMap<string, string>,
): Promise<KubeObject[]> {
  const changed = workloads.filter((one) =>
    secretNames(one).some((name) => (names.get(name) ?? name) !== name),
  );
  return Promise.all(
    changed.map(async (live) => {
      const applied = await cluster.applied(live);
      const isOurs = secretNames(live).every(
        (name) => !names.has(name) || (applied !== undefined && secretNames(applied).includes(name)),
      );
      if (applied && isOurs) return withSecretNames(applied, names);
      throw new UserError({
        code: 'KUBE_CONFLICT',
        message: `${nameOf(live)} has its Secrets from somebody else than \`invctl deploy k8s\`: what it would set is not known`,
        hint: 'invctl deploy k8s --take-over --dry-run, then without --dry-run      (the deployment wins)',
      });
    }),
  );
}

/**
 * Gives services the present content of their secrets' files: makes the missing versions, names them in the services'
 * workloads, and waits until these are ready. Nothing else of the workloads changes. A workload that has the
 * content already is left as it is.
 *
 * @throws UserError NOT_HEALTHY (exit 6), KUBE_CONFLICT, and of the API server
 */
export async function rollOutSecrets(
  context: ServiceContext,
  target: ClusterTarget,
  services: readonly string[],
): Promise<UpOutcome> {
  const cluster = createCluster(context.processes, target, context.signal);
  const source = await exportSource(context);
  const { workloads, planned } = await heldSecrets(cluster, source, services);
  const names = new Map([...planned].map(([name, secret]) => [name, secret.name]));
  const changed = await withOtherSecrets(cluster, workloads, names);
  const secrets = [...new Map([...planned.values()].map((one) => [one.name, one])).values()];
  const made = secretObjects(secrets, target.namespace, { 'app.kubernetes.io/managed-by': 'invctl' });
  if (made.length + changed.length > 0) await cluster.apply([...made, ...changed]);
  // With the content that they have already, pods of before have to come back from what they met meanwhile.
  const replaced = new Set(changed.filter(({ kind }) => kind !== 'StatefulSet').map(nameOf));
  await dropStuckPods(
    cluster,
    workloads.filter((one) => !replaced.has(nameOf(one))),
  );
  const { failures, seconds } = await awaitKubeRollout(cluster, workloads, {
    timeoutMs: ROLLOUT_MS,
    signal: context.signal,
    onEvent: () => {},
  });
  if (failures.length > 0) {
    const [first] = await explainKubeFailures(context, cluster, failures, source.secrets);
    const { service = '', message = '', cause } = first ?? {};
    throw new UserError({
      code: 'NOT_HEALTHY',
      message: `${service} did not become ready with it: ${cause?.message ?? message}`,
      hint: cause?.next ?? 'invctl ps',
      exitCode: ExitCode.unhealthy,
      details: { services: failures.map(({ object }) => object.metadata.name) },
    });
  }
  await removeUnusedKubeSecrets(cluster, secrets).catch((error) => {
    if (!(error instanceof UserError)) throw error;
    context.warn(`versions of a Secret that nothing needs any more are still there: ${error.message}`);
  });
  const unchanged = services.filter((service) => !(objectName(service) in seconds));
  return { services: [], seconds, failed: [], unchanged, outdated: [] };
}
