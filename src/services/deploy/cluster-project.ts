import { createKubernetesEngine } from '../../engine/kubernetes/engine.js';
import { objectName } from '../../export/k8s/objects.js';
import { shellWord } from '../../system/argv.js';
import type { ServiceContext } from '../context.js';

/** Where a project is deployed to. */
export interface DeployedCluster {
  /** Context of the kubeconfig; absent: its current one. */
  context?: string | undefined;
  namespace: string;
}

/** The project as it runs in a cluster, in place of the one that this machine's engine runs. */
export function inCluster(
  context: ServiceContext,
  { context: kube, namespace }: DeployedCluster,
): ServiceContext {
  const target = { namespace, ...(kube === undefined ? {} : { context: kube }) };
  const engine = createKubernetesEngine({ ...context, target, objectName });
  return { ...context, project: () => context.project(), engine: async () => engine };
}

/** The command that deploys it there again. */
export function redeployK8s({ context, namespace }: DeployedCluster): string {
  const at = context === undefined ? '' : ` --context ${shellWord(context)}`;
  return `invctl deploy k8s${at} --namespace ${namespace}`;
}

/** `kubectl` for the namespace, to be typed. */
export function kubectlFor({ context, namespace }: DeployedCluster): string {
  return `kubectl${context === undefined ? '' : ` --context ${shellWord(context)}`} --namespace ${namespace}`;
}
