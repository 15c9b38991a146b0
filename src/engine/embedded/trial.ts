import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { projectFromModel } from '../../project/from-config.js';
import type { ProjectLocation } from '../../project/locate.js';
import { readConfig } from '../../project/read.js';
import { syncFolder } from '../../system/files.js';
import { stateRoot } from '../../system/state-root.js';
import type { ServerMove, Trial, TrialDependencies, TrialInput, Trials, TrialVolume } from '../trials.js';
import { prepareBeside, withoutPublishedPorts } from './beside.js';
import { classify } from './classify.js';
import { createEmbeddedContext, type EmbeddedContext, notRunningError } from './context.js';
import { dataFolderOf, dataMount } from './database.js';
import { createEmbeddedEngine } from './engine.js';
import { findMove, type MovePrograms } from './find-postgres.js';
import { findServerUser } from './server-user.js';
import { askLeft, askStopped } from './single-user.js';

/** Data folder of the official image; the compose file uses its paths. */
const DATA_PATH = '/var/lib/postgresql/data';

/**
 * Runs trials as projects with another name in this engine's state; they use the packages of the project
 * itself.
 */
export function createEmbeddedTrials(dependencies: TrialDependencies): Trials {
  const { processes, env, signal, warn } = dependencies;
  // Warnings about a project's files were already printed.
  const quiet = { processes, env, signal, warn: () => {} };
  const uninterrupted = { ...quiet, signal: new AbortController().signal };
  const engine = createEmbeddedEngine(uninterrupted);
  const context = createEmbeddedContext(uninterrupted);
  // Reverting a trial continues after Ctrl-C; a question to a stopped server does not.
  const asking = { ...context, signal };

  async function find({ from, to }: ServerMove): Promise<MovePrograms> {
    const user = await findServerUser(processes);
    return findMove(from, to, { processes, env, user, stateRoot: stateRoot(env) });
  }

  async function prepare(live: ProjectLocation, { name, config, move }: TrialInput): Promise<Trial> {
    const { server, clientPrograms } = await find(move);
    const project = withoutPublishedPorts(projectFromModel(config, live));
    return {
      engine: createEmbeddedEngine({ ...quiet, clientPrograms, trial: { project, server } }),
      location: { ...live, name },
    };
  }

  async function remove(live: ProjectLocation, name: string): Promise<void> {
    await engine.down({ ...live, name }, { volumes: true });
  }

  async function release(
    live: ProjectLocation,
    name: string,
    service: string,
    { key, name: volumeName }: TrialVolume,
  ): Promise<void> {
    const own = { ...live, name };
    await engine.stop(own, []);
    const filled = dataFolderOf(await context.open(own), service);
    if (filled === undefined) throw notRunningError(service);
    await context.changing(live, 'db upgrade', async (store) => {
      await assertNoVolume(context, live, { key, name: volumeName });
      // Recorded first, so that it can be removed even if invctl is killed in between.
      store.state.volumes[key] = { key, name: volumeName, service };
      await store.save();
      const folder = join(store.folders.volumes, key);
      await rename(filled, folder);
      await syncFolder(dirname(folder));
    });
    await remove(live, name);
  }

  async function removeVolume(location: ProjectLocation, name: string): Promise<void> {
    const { state } = await context.open(location);
    if (Object.values(state.volumes).every((volume) => volume.name !== name)) return;
    await engine.removeVolume(location, name);
  }

  return {
    engine,
    declared: (service, { major }) => {
      const database = classify(service);
      return {
        imageMajor: (database.kind === 'postgres' && database.major) || major,
        dataDirectory: dataMount(service)?.target ?? DATA_PATH,
      };
    },
    configWith: async (location, file, text) => readConfig(location, env, new Map([[file, text]])),
    assertNoVolume: (...call) => assertNoVolume(context, ...call),
    provide: async (move) => {
      const { server, clientPrograms } = await find(move);
      if (!server.complete) {
        warn(
          `PostgreSQL ${server.version} (${server.programs}) has no client programs: on it, a backup copies the data folder while the app is stopped, and restores to the PostgreSQL ${server.major} of this engine alone`,
        );
      }
      return createEmbeddedEngine({ ...quiet, clientPrograms });
    },
    prepare,
    prepareBeside: (...call) => prepareBeside(context, quiet, ...call),
    release,
    remove,
    removeVolume,
    askStopped: (...call) => askStopped(asking, ...call),
    askLeft: (...call) => askLeft(asking, ...call),
  };
}

async function assertNoVolume(
  context: EmbeddedContext,
  location: ProjectLocation,
  { key, name }: TrialVolume,
): Promise<void> {
  const { state, folders } = await context.open(location);
  const folder = join(folders.volumes, key);
  if (!existsSync(folder) && !Object.values(state.volumes).some((volume) => volume.name === name)) return;
  throw new UserError({
    code: 'VOLUME_EXISTS',
    message: `the volume ${name} exists already (${folder}), and the new server's has to be empty`,
    hint: `invctl volume rm ${name}      (with all that is in it), or move the folder away`,
  });
}
