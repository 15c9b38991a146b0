import { existsSync } from 'node:fs';
import { chown, mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { projectFromModel } from '../../project/from-config.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ComposeProject, ComposeService } from '../../project/model.js';
import { readConfig } from '../../project/read.js';
import { syncFolder } from '../../system/files.js';
import { makeStateFolder, stateRoot } from '../../system/state-root.js';
import type {
  BesideInput,
  BesideTrial,
  LeftVolume,
  ServerMove,
  Trial,
  TrialDependencies,
  TrialInput,
  Trials,
  TrialVolume,
} from '../trials.js';
import { volumeInUse } from '../trials.js';
import { classify } from './classify.js';
import { createEmbeddedContext, notRunningError } from './context.js';
import { dataFolderOf, dataMount } from './database.js';
import { createEmbeddedEngine } from './engine.js';
import { findMove, findPostgres, findServer, type MovePrograms } from './find-postgres.js';
import { serviceMark } from './launch.js';
import { runSingleUser } from './postgres.js';
import { findServerUser } from './server-user.js';

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

  async function find({ from, to }: ServerMove): Promise<MovePrograms> {
    const user = await findServerUser(processes);
    return findMove(from, to, { processes, env, user, stateRoot: stateRoot(env) });
  }

  async function assertNoVolume(location: ProjectLocation, { key, name }: TrialVolume): Promise<void> {
    const { state, folders } = await context.open(location);
    const folder = join(folders.volumes, key);
    if (!existsSync(folder) && !Object.values(state.volumes).some((volume) => volume.name === name)) return;
    throw new UserError({
      code: 'VOLUME_EXISTS',
      message: `the volume ${name} exists already (${folder}), and the new server's has to be empty`,
      hint: `invctl volume rm ${name}      (with all that is in it), or move the folder away`,
    });
  }

  async function prepare(live: ProjectLocation, { name, config, move }: TrialInput): Promise<Trial> {
    const { server, clientPrograms } = await find(move);
    const project = withoutPublishedPorts(projectFromModel(config, live));
    return {
      engine: createEmbeddedEngine({ ...quiet, clientPrograms, trial: { project, server } }),
      location: { ...live, name },
    };
  }

  async function prepareBeside(
    live: ProjectLocation,
    { name, project, service, dataDirectory, folder }: BesideInput,
  ): Promise<BesideTrial> {
    const user = await findServerUser(processes);
    const { state } = await context.open(live);
    const known = state.services[service.name]?.server;
    const database = classify(service);
    const major = database.kind === 'postgres' ? database.major : undefined;
    const server = known
      ? { ...known, major: Number.parseInt(known.version, 10) }
      : await findPostgres(major === undefined ? {} : { major }, {
          processes,
          env,
          user,
          stateRoot: stateRoot(env),
        });
    if (!existsSync(dataDirectory)) {
      await makeStateFolder(dirname(dataDirectory), 'traversable');
      await mkdir(dataDirectory, { mode: 0o700 });
      if (user.ids.uid !== undefined) await chown(dataDirectory, user.ids.uid, user.ids.gid);
    }
    const alone = { ...project, services: { [service.name]: { ...service, dependsOn: {} } } };
    const trial = { project: withoutPublishedPorts(alone), server, dataFolder: folder };
    return {
      engine: createEmbeddedEngine({ ...quiet, trial }),
      location: { ...live, name },
      async runOnData([program = '', ...words], input) {
        const { status, stdout, stderr } = await processes.run(program, words, {
          ...user.ids,
          cwd: '/',
          // The programs that combine a base come with the server.
          env: { PATH: `${server.programs}:${env.PATH ?? '/usr/bin:/bin'}` },
          input,
          allowFailure: true,
          ownSession: true,
        });
        return { status: status ?? 1, output: stdout + stderr };
      },
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
      await assertNoVolume(live, { key, name: volumeName });
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

  async function askStopped(
    location: ProjectLocation,
    { name }: ComposeService,
    database: string,
    statement: string,
  ): Promise<string> {
    const { state, folders } = await context.open(location);
    const { server } = state.services[name] ?? {};
    if (!server) throw notRunningError(name);
    const user = await findServerUser(processes);
    const mark = serviceMark(folders, name);
    const plan = { dataFolder: server.dataFolder, installation: server, user, mark, env };
    return runSingleUser(plan, database, statement, processes, signal);
  }

  async function askLeft(
    location: ProjectLocation,
    { name: service }: ComposeService,
    volume: LeftVolume,
    database: string,
    statement: string,
  ): Promise<string | undefined> {
    const { state, folders } = await context.open(location);
    const [folder] = Object.entries(state.volumes).find(([, { name }]) => name === volume.name) ?? [];
    const user = await findServerUser(processes);
    const installation = await findServer(volume.major, { processes, env, user, stateRoot: stateRoot(env) });
    if (folder === undefined || installation === undefined) return undefined;
    const used = (await engine.volumes(location)).find(({ name, unused }) => name === volume.name && !unused);
    if (used) throw volumeInUse(volume.name, used.services);
    const dataFolder = join(folders.volumes, folder);
    const plan = { dataFolder, installation, user, mark: serviceMark(folders, service), env };
    return runSingleUser(plan, database, statement, processes, signal);
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
    assertNoVolume,
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
    prepareBeside,
    release,
    remove,
    removeVolume,
    askStopped,
    askLeft,
  };
}

/** Removes the ports of this machine, which the live project uses; the trial gets free ones. */
function withoutPublishedPorts(project: ComposeProject): ComposeProject {
  const services = Object.entries(project.services).map(([name, service]) => [
    name,
    { ...service, ports: service.ports.map(({ target, protocol }) => ({ target, protocol })) },
  ]);
  return { ...project, services: Object.fromEntries(services) };
}
