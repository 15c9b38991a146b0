import { join } from 'node:path';
import { z } from 'zod';
import { typedKubectl } from '../../engine/kubernetes/argv.js';
import { createKubernetesEngine } from '../../engine/kubernetes/engine.js';
import { objectName } from '../../export/k8s/objects.js';
import type { ProjectLocation } from '../../project/locate.js';
import { shellWord } from '../../system/argv.js';
import type { ServiceContext } from '../context.js';
import { rollOutSecrets } from './k8s-secret-rollout.js';

/** Where a project is deployed to. */
export interface DeployedCluster {
  /** Context of the kubeconfig; absent: its current one. */
  context?: string | undefined;
  namespace: string;
}

/** As journals keep it. */
export const clusterSchema = z.object({ context: z.string().optional(), namespace: z.string() });

/**
 * The project as it runs in a cluster, in place of the one that this machine's engine runs. Recreating its services
 * gives them what the files of their secrets contain. The caller holds the project's lock.
 */
export function inCluster(
  context: ServiceContext,
  { context: kube, namespace }: DeployedCluster,
): ServiceContext {
  const target = { namespace, ...(kube === undefined ? {} : { context: kube }) };
  const engine = createKubernetesEngine({ ...context, target, objectName }, (services) =>
    rollOutSecrets(context, target, services),
  );
  return { ...context, project: () => context.project(), engine: async () => engine };
}

/** The command that deploys it there again. */
export function redeployK8s({ context, namespace }: DeployedCluster): string {
  const at = context === undefined ? '' : ` --context ${shellWord(context)}`;
  return `invctl deploy k8s${at} --namespace ${namespace}`;
}

/** `kubectl` for the namespace, to be typed. */
export function kubectlFor(cluster: DeployedCluster): string {
  return typedKubectl(cluster);
}

/** For a sentence. */
export function placeOf({ context, namespace }: DeployedCluster): string {
  return `the namespace "${namespace}"${context === undefined ? '' : ` of the context ${context}`}`;
}

/** As for a Docker context: the backups and journals of the project there are not those of the one here. */
export function clusterLocation(
  location: ProjectLocation,
  { context, namespace }: DeployedCluster,
): ProjectLocation {
  const name = [context, namespace].filter((part) => part !== undefined).join('-');
  const stateName = `k8s-${name.replaceAll(/[^\w.-]+/g, '_')}`;
  return {
    ...location,
    host: { stateName },
    stateFolder: join(location.stateFolder, 'hosts', stateName),
  };
}
