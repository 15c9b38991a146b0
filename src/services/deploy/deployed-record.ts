import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ProjectLocation } from '../../project/locate.js';
import { writeFileAtomic } from '../../system/files.js';
import { ensureStateFolder } from '../../system/state-folder.js';
import type { DeployedCluster } from './cluster-project.js';

const recordSchema = z.object({ context: z.string().optional(), namespace: z.string() });

/**
 * Records the cluster that a project was deployed to, for commands that work on what is deployed. A Swarm needs no
 * record: its engine knows the stack.
 */
export async function rememberCluster(
  { stateFolder }: ProjectLocation,
  { context, namespace }: DeployedCluster,
): Promise<void> {
  await ensureStateFolder(stateFolder);
  const record = { ...(context === undefined ? {} : { context }), namespace };
  await writeFileAtomic(join(stateFolder, 'cluster.json'), `${JSON.stringify(record)}\n`);
}

/** Forgets the cluster: the project was deployed to a Swarm since, or taken away. */
export async function forgetCluster({ stateFolder }: ProjectLocation): Promise<void> {
  await rm(join(stateFolder, 'cluster.json'), { force: true });
}

/** Returns the cluster that the project was last deployed to. */
export async function rememberedCluster({
  stateFolder,
}: Pick<ProjectLocation, 'stateFolder'>): Promise<DeployedCluster | undefined> {
  const text = await readFile(join(stateFolder, 'cluster.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
