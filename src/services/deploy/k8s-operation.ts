import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type Cluster, createCluster } from '../../engine/kubernetes/cluster.js';
import type { KubeObject } from '../../engine/kubernetes/objects.js';
import { ExitCode, UserError } from '../../errors.js';
import { shellWord } from '../../system/argv.js';
import { operation } from '../operation.js';
import { redeployK8s } from './cluster-project.js';
import type { TakenBack } from './deploy-failed.js';
import { rememberCluster } from './deployed-record.js';
import { nameOf } from './k8s-objects.js';
import { awaitKubeRollout, dropStuckPods, isWorkload } from './k8s-rollout.js';
import { removeOldKubeSecrets } from './k8s-secrets.js';

/** Least time allowed for a rollback. */
const ROLLBACK_MS = 120_000;

const stateSchema = z.object({
  context: z.string().optional(),
  namespace: z.string(),
  /** What is deployed: enough of each object to find it. */
  objects: z.array(
    z.object({
      apiVersion: z.string(),
      kind: z.string(),
      metadata: z.object({ name: z.string(), namespace: z.string().optional() }),
    }),
  ),
  /** Those of them that were there before, as they were, without Secrets. */
  before: z.array(z.custom<KubeObject>((value) => typeof value === 'object' && value !== null)),
  /** Those of them that were there and are not in `before`: `Secret/name`. */
  kept: z.array(z.string()),
  /** The Secrets that it makes: `Secret/name`. */
  made: z.array(z.string()),
  secrets: z.array(z.object({ base: z.string(), version: z.int() })),
  timeoutMs: z.number(),
  /** The backup that is to be restored afterwards. */
  restore: z.string().optional(),
});

export type K8sDeployment = z.infer<typeof stateSchema>;

export const TAKEN_BACK: Readonly<Record<TakenBack, string>> = {
  removed: 'There was no version before: what was made is removed again, except volumes',
  back: 'Everything is back as it was before',
  stuck: 'The version before is not back on everything',
};

/** The steps: objects are applied, the cluster rolls them out, old Secrets are removed. */
const STEPS = ['apply', 'wait', 'clean'] as const;

/**
 * Once everything was applied, a deployment that was cut off is finished if its workloads get ready; otherwise
 * everything is put back as it was.
 */
export const k8sDeployOperation = operation({
  name: 'deploy k8s',
  state: stateSchema,
  steps: STEPS,
  async reopen({ processes, signal }, { context, namespace }): Promise<Cluster> {
    const target = { namespace, ...(context === undefined ? {} : { context }) };
    return createCluster(processes, target, signal);
  },
  finish: {
    applies: async (_context, _cluster, { step }) => step !== 'apply',
    async complete(world, cluster, { state, step }) {
      const { context, namespace, secrets, restore } = state;
      if (step === 'wait') await assertRolledOut(cluster, state, world.signal);
      await removeOldKubeSecrets(cluster, secrets);
      await rememberCluster(world.project(), cluster);
      const rest =
        restore === undefined
          ? ''
          : `; ${restore} is not restored yet: ${redeployK8s({ context, namespace })} --restore ${shellWord(restore)}`;
      return `"${namespace}" is ready${rest}`;
    },
  },
  async revert({ warn, signal }, cluster, { state }) {
    return TAKEN_BACK[await takeBackObjects(cluster, state, { warn, signal })];
  },
});

async function assertRolledOut(
  cluster: Cluster,
  { namespace, objects, timeoutMs }: K8sDeployment,
  signal: AbortSignal,
): Promise<void> {
  const workloads = (objects as KubeObject[]).filter(isWorkload);
  const { failures } = await awaitKubeRollout(cluster, workloads, { timeoutMs, signal, onEvent: () => {} });
  if (failures.length === 0) return;
  throw new UserError({
    code: 'DEPLOY_FAILED',
    message: failures.map(({ object, message }) => `${nameOf(object)}: ${message}`).join('; '),
    hint: `kubectl --namespace ${namespace} get pods`,
    exitCode: ExitCode.unhealthy,
  });
}

/** Restores the objects that existed before; removes those that did not, except claims. */
export async function takeBackObjects(
  cluster: Cluster,
  { objects, before, kept, made, timeoutMs }: K8sDeployment,
  { warn, signal }: { warn: (message: string) => void; signal: AbortSignal },
): Promise<TakenBack> {
  try {
    const now = await cluster.existing(objects as KubeObject[]);
    const changed = before.filter((one) => {
      const live = now.find((other) => nameOf(other) === nameOf(one));
      return !live || !isDeepStrictEqual(configured(live), one);
    });
    if (changed.length > 0) await cluster.apply(changed, { force: true });
    const wasThere = new Set([...before.map(nameOf), ...kept]);
    const removed = (objects as KubeObject[])
      .filter((object) => object.kind !== 'PersistentVolumeClaim' && !wasThere.has(nameOf(object)))
      .map(nameOf);
    await cluster.remove([...removed, ...made]);
    const workloads = changed.filter(isWorkload);
    await dropStuckPods(
      cluster,
      workloads.filter(({ kind }) => kind === 'StatefulSet'),
    );
    if (workloads.length > 0) {
      const input = { timeoutMs: Math.max(timeoutMs, ROLLBACK_MS), signal, onEvent: () => {} };
      const { failures } = await awaitKubeRollout(cluster, workloads, input);
      if (failures.length > 0) {
        warn(
          `${failures.map(({ object }) => nameOf(object)).join(', ')}: is not ready on the version before either`,
        );
        return 'stuck';
      }
    }
    return before.some(isWorkload) ? 'back' : 'removed';
  } catch (error) {
    warn(`the way back was not completed: ${error instanceof Error ? error.message : String(error)}`);
    return 'stuck';
  }
}

/** An object as somebody could have written it, without the fields that the server maintains. */
export function configured({ status: _, ...object }: KubeObject): KubeObject {
  const { managedFields, uid, resourceVersion, generation, creationTimestamp, selfLink, ...metadata } =
    object.metadata;
  const { 'deployment.kubernetes.io/revision': __, ...annotations } = metadata.annotations ?? {};
  return { ...object, metadata: { ...metadata, annotations } } as KubeObject;
}
