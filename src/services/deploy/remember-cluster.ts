import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, createCluster } from '../../engine/kubernetes/cluster.js';
import type { KubeObject } from '../../engine/kubernetes/objects.js';
import { UserError } from '../../errors.js';
import { objectName } from '../../export/k8s/objects.js';
import type { ProjectLocation } from '../../project/locate.js';
import { shellWord } from '../../system/argv.js';
import type { World } from '../../system/world.js';
import type { ServiceContext } from '../context.js';
import { kubectlFor, placeOf, redeployK8s } from './cluster-project.js';
import { rememberCluster } from './deployed-record.js';

const WORKLOADS = ['deployment', 'statefulset', 'daemonset', 'clusters.postgresql.cnpg.io'];
/** Nobody has asked for a cluster yet. */
const LOOK_MS = 5_000;

/**
 * Records that the project runs in a namespace which somebody else deployed it to, such as a pipeline. Changes nothing
 * there.
 *
 * @returns the workloads of the project there
 * @throws UserError NOT_DEPLOYED, and of the API server
 */
export async function rememberDeployed(
  context: ServiceContext,
  { kubeContext, namespace }: { kubeContext: string | undefined; namespace: string | undefined },
): Promise<{ namespace: string; workloads: KubeObject[] }> {
  const location = context.project();
  const cluster = clusterAt(context, kubeContext, namespace ?? objectName(location.name));
  const workloads = await workloadsOf(cluster, location.name, false);
  if (workloads.length === 0) throw await notThere(cluster, location.name);
  await rememberCluster(location, cluster);
  return { namespace: cluster.target.namespace, workloads };
}

function clusterAt(
  { processes, signal }: Pick<World, 'processes' | 'signal'>,
  context: string | undefined,
  namespace: string,
): Cluster {
  return createCluster(processes, { namespace, ...(context === undefined ? {} : { context }) }, signal);
}

async function workloadsOf(cluster: Cluster, project: string, everywhere: boolean): Promise<KubeObject[]> {
  const found = await Promise.all(WORKLOADS.map((kind) => cluster.listIfAllowed(kind, { everywhere })));
  return found
    .flatMap((some) => some ?? [])
    .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === objectName(project));
}

async function notThere(cluster: Cluster, project: string): Promise<UserError> {
  const { target } = cluster;
  const elsewhere = await workloadsOf(cluster, project, true);
  const [namespace] = elsewhere.map(({ metadata }) => metadata.namespace);
  return new UserError({
    code: 'NOT_DEPLOYED',
    message: `${placeOf(target)} has no workload of "${project}"${namespace === undefined ? '' : `; the namespace "${namespace}" has`}`,
    hint:
      namespace === undefined
        ? `${kubectlFor(target)} get deployments,statefulsets --show-labels, kubectl config get-contexts`
        : `${redeployK8s({ ...target, namespace })} --remember`,
  });
}

/**
 * Looks whether the current context of the kubeconfig has the project, in the namespace of its name. It is only told:
 * which cluster is meant, a person has to say.
 *
 * @returns the place, for a sentence, and what to type; undefined where it has not, or does not answer within seconds
 */
export async function seenInCluster(
  world: World,
  { name }: ProjectLocation,
): Promise<{ place: string; hint: string } | undefined> {
  const namespace = objectName(name);
  const signal = AbortSignal.any([world.signal, AbortSignal.timeout(LOOK_MS)]);
  try {
    const cluster = clusterAt({ processes: world.processes, signal }, undefined, namespace);
    const [context, workloads] = await Promise.all([
      cluster.contextName(),
      workloadsOf(cluster, name, false),
    ]);
    if (workloads.length === 0 || context === undefined) return undefined;
    const there = { context, namespace };
    const hint = `${redeployK8s(there)} --remember      (deploys nothing; then the same command)`;
    return { place: placeOf(there), hint };
  } catch (error) {
    world.signal.throwIfAborted();
    if (error instanceof UserError || signal.aborted) return undefined;
    throw error;
  }
}

/** Whether the project was exported for a cluster: then a pipeline may have deployed it. */
export function mayBeInCluster({ directory }: ProjectLocation): boolean {
  return existsSync(join(directory, 'k8s'));
}

/** How to name a deployment that another machine made. */
export function rememberHint({ directory }: ProjectLocation): string {
  return `invctl deploy k8s --context NAME --remember      (in a cluster, deployed by another machine or a pipeline; ${shellWord(directory)} does not know of it)`;
}
