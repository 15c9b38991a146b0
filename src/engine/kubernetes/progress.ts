import type { KubeObject } from './objects.js';

/** How far a workload is. */
export interface Progress {
  ready: boolean;
  detail: string;
  /** It will not get there. */
  failure?: { reason: 'failed' | 'refused' | 'deadline'; message: string };
}

/**
 * Reads the conditions and counts that `kubectl rollout status` uses (kubectl 1.34, pkg/polymorphichelpers).
 */
export function progressOf({ kind, metadata, spec = {}, status = {} }: KubeObject): Progress {
  const conditions = status.conditions ?? [];
  const condition = (type: string, value: string) =>
    conditions.find((one) => one.type === type && one.status === value);
  if (kind === 'Job') {
    const failed = condition('Failed', 'True');
    return {
      ready:
        condition('Complete', 'True') !== undefined || (status.succeeded ?? 0) >= (spec.completions ?? 1),
      detail: `${status.active ?? 0} active, ${status.failed ?? 0} failed`,
      ...(failed
        ? { failure: { reason: 'failed', message: failed.message ?? 'it ended with a failure' } }
        : {}),
    };
  }
  if (kind === 'Cluster') {
    const wanted = spec.instances ?? 1;
    const ready = status.readyInstances ?? 0;
    return { ready: ready >= wanted, detail: status.phase ?? `${ready} of ${wanted} instances are ready` };
  }
  const seen = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const wanted = kind === 'DaemonSet' ? (status.desiredNumberScheduled ?? 1) : (spec.replicas ?? 1);
  const updated = (kind === 'DaemonSet' ? status.updatedNumberScheduled : status.updatedReplicas) ?? 0;
  const available =
    (kind === 'DaemonSet'
      ? status.numberAvailable
      : kind === 'StatefulSet'
        ? status.readyReplicas
        : status.availableReplicas) ?? 0;
  const total = kind === 'DaemonSet' ? wanted : (status.replicas ?? 0);
  const ready = seen && updated >= wanted && available >= wanted && total <= wanted;
  const late = condition('Progressing', 'False');
  const refused = condition('ReplicaFailure', 'True');
  const failure: Progress['failure'] = !seen
    ? undefined
    : refused
      ? { reason: 'refused', message: refused.message ?? 'no pod can be made' }
      : late?.reason === 'ProgressDeadlineExceeded'
        ? { reason: 'deadline', message: late.message ?? 'it makes no progress' }
        : undefined;
  return {
    ready,
    detail: seen
      ? `${Math.min(updated, available)} of ${wanted} pods are ready`
      : 'not seen by its controller yet',
    ...(failure && !ready ? { failure } : {}),
  };
}
