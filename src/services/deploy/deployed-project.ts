import { join, resolve } from 'node:path';
import type { DeployedFact } from '../../doctor/deployed.js';
import { createCluster } from '../../engine/kubernetes/cluster.js';
import { createSwarm } from '../../engine/swarm/swarm.js';
import { UserError } from '../../errors.js';
import { objectName } from '../../export/k8s/objects.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeProject } from '../../project/model.js';
import { readSettings } from '../../project/settings-file.js';
import { shellWord } from '../../system/argv.js';
import type { World } from '../../system/world.js';
import type { ServiceContext } from '../context.js';
import {
  clusterLocation,
  type DeployedCluster,
  kubectlFor,
  placeOf,
  redeployK8s,
} from './cluster-project.js';
import { deployedK8s, readKubeObjects } from './deployed-k8s.js';
import { atPlace, type DeployedPlace } from './deployed-place.js';
import { provedCluster, rememberedCluster, targetOf } from './deployed-record.js';
import { deployedSwarm, readSwarmObjects } from './deployed-swarm.js';
import { mayBeInCluster, rememberHint, seenInCluster } from './remember-cluster.js';

/**
 * Finds the project where it is deployed and reads its live objects: in the cluster that the last
 * `deploy k8s` went to, else in the Swarm of the engine, if that has a stack of the project's name.
 */
export async function findDeployed(
  world: World,
  location: ProjectLocation,
  readProject: () => Promise<ComposeProject>,
): Promise<DeployedFact> {
  const { processes, env, signal } = world;
  const target = await rememberedCluster(location);
  if (target === undefined) {
    const found = await deployedToSwarm({ processes, env, signal }, location, readProject);
    return found ?? deployedUnknown(world, location);
  }
  const place = placeOf(target);
  const cluster = createCluster(processes, targetOf(target), signal);
  try {
    const [project] = await Promise.all([readProject(), provedCluster(world, location)]);
    const objects = await readKubeObjects(cluster, project);
    if (!objects) return { place, unread: nothingThere(location, target) };
    const { backup } = await readSettings(clusterLocation(location, target));
    const backupFolder = resolve(location.directory, backup.folder);
    return deployedK8s(project, objects, {
      kubectl: kubectlFor(target),
      namespace: target.namespace,
      redeploy: redeployK8s(target),
      backupFolder,
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { place, unread: error };
  }
}

async function deployedUnknown(world: World, location: ProjectLocation): Promise<DeployedFact> {
  const seen = mayBeInCluster(location) ? await seenInCluster(world, location) : undefined;
  if (!seen) return undefined;
  const { place, hint } = seen;
  const message = 'it was not deployed from this folder';
  return { place, unread: new UserError({ code: 'DEPLOYMENT_UNKNOWN', message, hint }) };
}

async function deployedToSwarm(
  { processes, env, signal }: Pick<World, 'processes' | 'env' | 'signal'>,
  location: ProjectLocation,
  readProject: () => Promise<ComposeProject>,
): Promise<DeployedFact> {
  const swarm = createSwarm(processes, env, signal);
  try {
    await swarm.assertManager();
  } catch (error) {
    // Without a Swarm of its own, or an engine, there is no stack to judge.
    if (error instanceof UserError) return undefined;
    throw error;
  }
  try {
    const objects = await readSwarmObjects(swarm, location.name);
    if (!objects) return undefined;
    const { backup } = await readSettings(location);
    const backupFolder = resolve(location.directory, backup.folder);
    return deployedSwarm(await readProject(), objects, {
      docker: dockerFor(location),
      redeploy: 'invctl deploy swarm',
      backupFolder,
    });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { place: `the stack "${location.name}"`, unread: error };
  }
}

/**
 * Where the project is deployed.
 * @throws UserError NOT_DEPLOYED, DEPLOYMENT_UNKNOWN, ANOTHER_CLUSTER, and of the Swarm's engine
 */
export async function deployedPlace(context: ServiceContext): Promise<DeployedPlace> {
  const location = context.project();
  let ofSwarm: unknown;
  try {
    const place = await knownPlace(context);
    if (place) return place;
  } catch (error) {
    if (!(error instanceof UserError) || error.code === 'ANOTHER_CLUSTER') throw error;
    if (await rememberedCluster(location)) throw error;
    ofSwarm = error;
  }
  const seen = await seenInCluster(context, location);
  if (seen) {
    throw new UserError({
      code: 'DEPLOYMENT_UNKNOWN',
      message: `"${location.name}" is in ${seen.place}, and was not deployed from this folder`,
      hint: seen.hint,
    });
  }
  if (ofSwarm !== undefined && !(ofSwarm instanceof UserError && ofSwarm.code === 'SWARM_ABSENT'))
    throw ofSwarm;
  throw new UserError({
    code: 'NOT_DEPLOYED',
    message: `"${location.name}" is not in a Swarm of this engine, and \`invctl deploy k8s\` has not deployed it from here`,
    hint: `${rememberHint(location)}\nto deploy it from here: invctl deploy k8s --context NAME, or: invctl deploy swarm`,
  });
}

/**
 * Where the project is deployed, as far as that is known without a search.
 * @throws UserError as {@link deployedPlace}
 */
export async function knownPlace(context: ServiceContext): Promise<DeployedPlace | undefined> {
  const location = context.project();
  const cluster = await provedCluster(context, location);
  if (cluster) return { cluster };
  const swarm = createSwarm(context.processes, context.env, context.signal);
  await swarm.assertManager();
  return (await swarm.services(location.name)).size > 0 ? { swarm: true } : undefined;
}

/**
 * A sentence for whoever has taken the project down here, if an orchestrator still runs it, with the command that ends
 * it there. Asks the engine for a stack only where nothing of the project ran by itself: never do both.
 */
export async function stillDeployed(
  context: ServiceContext,
  { ranHere }: { ranHere: boolean },
): Promise<string | undefined> {
  const location = context.project();
  const { name } = location;
  const cluster = await rememberedCluster(location);
  if (cluster) {
    const kinds = 'deployment,statefulset,daemonset,job,cronjob,service,ingress';
    const end = `${kubectlFor(cluster)} delete ${kinds} --selector app.kubernetes.io/name=${objectName(name)}`;
    return `${name} was deployed to ${placeOf(cluster)}, and stays there; end it, and keep its data: ${end}`;
  }
  if (ranHere) return undefined;
  try {
    if (!(await knownPlace(context))) return undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
  return `${name} still runs in the Swarm; end it, and keep its volumes: ${dockerFor(location)} stack rm ${name}`;
}

/**
 * The project as it runs where it is deployed, with folders of its own for what is known of it: a cluster has
 * another database than this machine.
 * @throws as {@link deployedPlace}
 */
export async function inDeployed(context: ServiceContext): Promise<ServiceContext> {
  const place = await deployedPlace(context);
  const there = atPlace(context, place);
  if (!place.cluster) return there;
  const own = clusterLocation(context.project(), place.cluster);
  return { ...there, project: () => own };
}

/** The docker client of the project's engine, to be typed. */
function dockerFor({ host, environment }: ProjectLocation): string {
  if (host?.remote) return `docker --host ${shellWord(host.remote.address.url)}`;
  const context = environment?.context;
  return context === undefined ? 'docker' : `docker --context ${shellWord(context)}`;
}

function nothingThere({ stateFolder }: ProjectLocation, target: DeployedCluster): UserError {
  return new UserError({
    code: 'NOT_DEPLOYED',
    message: `${placeOf(target)} has no workload of this project any more`,
    hint: `${redeployK8s(target)}      (if it was removed on purpose: rm ${shellWord(join(stateFolder, 'cluster.json'))})`,
  });
}
