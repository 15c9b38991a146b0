import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Cluster, createCluster } from '../../engine/kubernetes/cluster.js';
import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { writeFileAtomic } from '../../system/files.js';
import { ensureStateFolder } from '../../system/state-folder.js';
import type { World } from '../../system/world.js';
import { type DeployedCluster, kubectlFor, placeOf, redeployK8s } from './cluster-project.js';

const recordSchema = z.object({
  context: z.string().optional(),
  namespace: z.string(),
  /** The namespace's `uid`: another cluster has another one, whatever the context is called. */
  uid: z.string().optional(),
});

type ClusterRecord = DeployedCluster & { uid?: string | undefined };

/**
 * Records the cluster that a project was deployed to, for commands that work on what is deployed. A Swarm needs no
 * record: its engine knows the stack.
 */
export async function rememberCluster({ stateFolder }: ProjectLocation, cluster: Cluster): Promise<void> {
  const [context, uid] = await Promise.all([cluster.contextName(), uidOf(cluster)]);
  const { namespace } = cluster.target;
  const record: z.infer<typeof recordSchema> = {
    ...(context === undefined ? {} : { context }),
    namespace,
    ...(uid === undefined ? {} : { uid }),
  };
  await ensureStateFolder(stateFolder);
  await writeFileAtomic(join(stateFolder, 'cluster.json'), `${JSON.stringify(record)}\n`);
}

/** Undefined: there is none, or the credentials do not allow to read it. */
async function uidOf(cluster: Cluster): Promise<string | undefined> {
  try {
    return (await cluster.get('namespace', cluster.target.namespace))?.metadata.uid;
  } catch (error) {
    if (error instanceof UserError && error.code === 'KUBE_FORBIDDEN') return undefined;
    throw error;
  }
}

/** Forgets the cluster: the project was deployed to a Swarm since, or taken away. */
export async function forgetCluster({ stateFolder }: ProjectLocation): Promise<void> {
  await rm(join(stateFolder, 'cluster.json'), { force: true });
}

/** Returns the cluster that the project was last deployed to. */
export async function rememberedCluster({
  stateFolder,
}: Pick<ProjectLocation, 'stateFolder'>): Promise<ClusterRecord | undefined> {
  const text = await readFile(join(stateFolder, 'cluster.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * Returns the cluster that the project was last deployed to, once it is certain that the context still leads there.
 * @throws UserError ANOTHER_CLUSTER, and of the API server
 */
export async function provedCluster(
  { processes, signal }: Pick<World, 'processes' | 'signal'>,
  location: ProjectLocation,
): Promise<DeployedCluster | undefined> {
  const record = await rememberedCluster(location);
  if (!record) return undefined;
  const { context, namespace, uid } = record;
  const target: DeployedCluster = { ...(context === undefined ? {} : { context }), namespace };
  if (uid === undefined) return target;
  const now = await uidOf(createCluster(processes, targetOf(target), signal));
  if (now === undefined || now === uid) return target;
  throw new UserError({
    code: 'ANOTHER_CLUSTER',
    message: `${placeOf(target)} is not the one that the project was deployed to: the context leads to another cluster now, or the namespace was made anew`,
    hint: `${kubectlFor(target)} get pods, kubectl cluster-info      (if it is the right one: ${redeployK8s(target)} --remember)`,
  });
}

/** As kubectl is told. */
export function targetOf({ context, namespace }: DeployedCluster): { context?: string; namespace: string } {
  return { namespace, ...(context === undefined ? {} : { context }) };
}
