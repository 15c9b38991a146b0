import { setTimeout as delay } from 'node:timers/promises';
import type { ServicePhase } from '../../engine/engine.js';
import type { Cluster } from '../../engine/kubernetes/cluster.js';
import type { ContainerStatus, KubeObject } from '../../engine/kubernetes/objects.js';
import { progressOf } from '../../engine/kubernetes/progress.js';
import { nameOf } from './k8s-objects.js';

const POLL_MS = 1000;
/**
 * After a pod has waited this long for a hopeless reason, the rollout fails: the node has tried several times
 * by then.
 */
const HOPELESS_MS = 30_000;
const HOPELESS = [
  'ImagePullBackOff',
  'ErrImagePull',
  'InvalidImageName',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
];
const CRASHES = 3;

export interface KubeFailure {
  object: KubeObject;
  reason: 'deadline' | 'waiting' | 'crashing' | 'refused' | 'failed' | 'timeout';
  message: string;
}

export interface KubeRolloutInput {
  timeoutMs: number;
  signal: AbortSignal;
  onEvent: (event: { service: string; phase: ServicePhase; elapsedMs: number; detail?: string }) => void;
}

/** Whether the object is of a kind whose pods are awaited. */
export function isWorkload({ kind }: KubeObject): boolean {
  return ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'Cluster'].includes(kind);
}

/** Waits until every workload has what its specification says, or one of them fails to get there. */
export async function awaitKubeRollout(
  cluster: Cluster,
  workloads: readonly KubeObject[],
  { timeoutMs, signal, onEvent }: KubeRolloutInput,
): Promise<{ failures: KubeFailure[]; seconds: Record<string, number> }> {
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  const hopelessSince = new Map<string, number>();
  const seconds: Record<string, number> = {};
  for (;;) {
    const [now, pods, replicaSets] = await Promise.all([
      cluster.existing(workloads),
      cluster.list('pod'),
      cluster.list('replicaset'),
    ]);
    const failures: KubeFailure[] = [];
    for (const wanted of workloads) {
      const { name } = wanted.metadata;
      const object = now.find((one) => nameOf(one) === nameOf(wanted));
      if (!object) {
        failures.push({
          object: wanted,
          reason: 'failed',
          message: 'it is not there any more: somebody removed it',
        });
        continue;
      }
      const { ready, detail, failure } = progressOf(object);
      if (ready) seconds[name] ??= elapsed() / 1000;
      else delete seconds[name];
      onEvent({
        service: name,
        phase: ready ? (object.kind === 'Job' ? 'completed' : 'healthy') : failure ? 'failed' : 'starting',
        elapsedMs: elapsed(),
        ...(ready ? {} : { detail: failure?.message ?? detail }),
      });
      if (ready) continue;
      const found =
        failure ??
        hopeless(ofNewest(object, pods, replicaSets), hopelessSince, elapsed()) ??
        (elapsed() > timeoutMs
          ? {
              reason: 'timeout' as const,
              message: `it was not ready within ${Math.round(timeoutMs / 1000)} s`,
            }
          : undefined);
      if (found) failures.push({ object, ...found });
    }
    if (
      failures.length > 0 ||
      Object.keys(seconds).length === new Set(workloads.map(({ metadata }) => metadata.name)).size
    ) {
      return { failures, seconds };
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

/** The pods of the new version; an older pod, which may crash, is replaced anyway. */
function ofNewest(
  object: KubeObject,
  pods: readonly KubeObject[],
  replicaSets: readonly KubeObject[],
): KubeObject[] {
  const all = podsOf(object, pods).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (object.kind === 'StatefulSet') {
    const revision = object.status?.updateRevision;
    return all.filter(({ metadata }) => metadata.labels?.['controller-revision-hash'] === revision);
  }
  if (object.kind !== 'Deployment') return all;
  const revision = ({ metadata }: KubeObject) => metadata.annotations?.['deployment.kubernetes.io/revision'];
  const newest = replicaSets.find(
    (set) =>
      set.metadata.ownerReferences?.some(({ uid }) => uid === object.metadata.uid) &&
      revision(set) === revision(object),
  );
  const hash = newest?.metadata.labels?.['pod-template-hash'];
  return all.filter(({ metadata }) => hash !== undefined && metadata.labels?.['pod-template-hash'] === hash);
}

/** A pod of the newest version that will not become ready by waiting. */
function hopeless(
  pods: readonly KubeObject[],
  since: Map<string, number>,
  now: number,
): Omit<KubeFailure, 'object'> | undefined {
  for (const pod of pods) {
    for (const container of containerStatuses(pod)) {
      const waiting = container.state?.waiting;
      if (waiting?.reason === 'CrashLoopBackOff' && container.restartCount >= CRASHES) {
        return { reason: 'crashing', message: 'it keeps crashing and is started again' };
      }
      const key = `${pod.metadata.uid} ${container.name}`;
      if (!HOPELESS.includes(waiting?.reason ?? '')) {
        since.delete(key);
        continue;
      }
      const begun = since.get(key) ?? now;
      since.set(key, begun);
      if (now - begun >= HOPELESS_MS)
        return { reason: 'waiting', message: `it does not start (${waiting?.reason})` };
    }
  }
  return undefined;
}

export function containerStatuses({ status }: KubeObject): ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
}

/** The pods of a workload, newest first. */
export function podsOf(object: KubeObject, pods: readonly KubeObject[]): KubeObject[] {
  const labels: Record<string, string> = object.spec?.selector?.matchLabels ??
    object.spec?.template?.metadata?.labels ?? { 'cnpg.io/cluster': object.metadata.name };
  return pods
    .filter(({ metadata }) =>
      Object.entries(labels).every(([key, value]) => metadata.labels?.[key] === value),
    )
    .sort((a, b) => String(b.metadata.creationTimestamp).localeCompare(String(a.metadata.creationTimestamp)));
}

/**
 * Removes the pods that are not ready, so that their controllers make new ones at once. A pod that crashed is started
 * again only after a while, and a StatefulSet does not replace one of a version that never became ready: it
 * waits for it, also in a rollback. Source: kubernetes.io, Pod lifecycle, and StatefulSets, forced rollback.
 */
export async function dropStuckPods(cluster: Cluster, workloads: readonly KubeObject[]): Promise<void> {
  if (workloads.length === 0) return;
  const pods = await cluster.list('pod');
  const stuck = workloads.flatMap((workload) =>
    podsOf(workload, pods).filter(
      ({ status }) => !status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    ),
  );
  await cluster.remove(stuck.map(nameOf));
}
