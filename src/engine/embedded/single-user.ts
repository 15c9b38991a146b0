import { join } from 'node:path';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeService } from '../../project/model.js';
import { stateRoot } from '../../system/state-root.js';
import { type LeftVolume, type ServerQuestion, volumeInUse } from '../trials.js';
import { type EmbeddedContext, notRunningError } from './context.js';
import { findServer } from './find-postgres.js';
import { serviceMark } from './launch.js';
import { runSingleUser } from './postgres.js';
import { findServerUser } from './server-user.js';
import { volumes } from './volumes.js';

/** See `Trials.askStopped`. */
export async function askStopped(
  context: EmbeddedContext,
  location: ProjectLocation,
  { name }: ComposeService,
  { database, statement }: ServerQuestion,
): Promise<string> {
  const { processes, env, signal } = context;
  const { state, folders } = await context.open(location);
  const { server } = state.services[name] ?? {};
  if (!server) throw notRunningError(name);
  const user = await findServerUser(processes);
  const mark = serviceMark(folders, name);
  const plan = { dataFolder: server.dataFolder, installation: server, user, mark, env };
  return runSingleUser(plan, database, statement, processes, signal);
}

/** See `Trials.askLeft`. */
export async function askLeft(
  context: EmbeddedContext,
  location: ProjectLocation,
  { name: service }: ComposeService,
  volume: LeftVolume,
  { database, statement }: ServerQuestion,
): Promise<string | undefined> {
  const { processes, env, signal } = context;
  const { state, folders } = await context.open(location);
  const [folder] = Object.entries(state.volumes).find(([, { name }]) => name === volume.name) ?? [];
  const user = await findServerUser(processes);
  const installation = await findServer(volume.major, { processes, env, user, stateRoot: stateRoot(env) });
  if (folder === undefined || installation === undefined) return undefined;
  const used = (await volumes(context, location)).find(({ name, unused }) => name === volume.name && !unused);
  if (used) throw volumeInUse(volume.name, used.services);
  const dataFolder = join(folders.volumes, folder);
  const plan = { dataFolder, installation, user, mark: serviceMark(folders, service), env };
  return runSingleUser(plan, database, statement, processes, signal);
}
