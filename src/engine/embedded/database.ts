import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { ComposeMount, ComposeProject, ComposeService } from '../../project/model.js';
import { findFreePort, isPortFree } from '../../system/ports.js';
import type { DatabaseService } from './classify.js';
import { readDatabaseSettings } from './database-settings.js';
import { findPostgres } from './find-postgres.js';
import { endProcess, isRunning, type LaunchPlan, STOP_POSTGRES, serviceMark } from './launch.js';
import {
  dataMajor,
  initialiseCluster,
  makeSocketFolder,
  postmasterOf,
  removeStaleLockFile,
  serverPlan,
} from './postgres.js';
import type { EngineRun } from './run.js';
import { readGrantedSecrets, writeSecrets } from './secrets.js';
import { findServerUser, type ServerUser } from './server-user.js';
import type { StateStore } from './state.js';

const LOOPBACK = '127.0.0.1';

export interface PreparedDatabase {
  database: DatabaseService;
  user: ServerUser;
  plan: LaunchPlan;
  /**
   * Initialises the data folder if there is none, and removes leftovers of a crash that would prevent a
   * start.
   */
  prepare(): Promise<void>;
}

/**
 * Returns the folder that holds the data of a database service, once its volume is known. After an upgrade
 * there may be several: it is the one that its server last used.
 */
export function dataFolderOf({ state, folders }: StateStore, service: string): string | undefined {
  const own = Object.entries(state.volumes)
    .filter(([, volume]) => volume.service === service)
    .map(([folder]) => join(folders.volumes, folder));
  return own.find((folder) => folder === state.services[service]?.server?.dataFolder) ?? own[0];
}

/**
 * Decides how a database service runs here, and records it in the state: PostgreSQL, data folder, port (the
 * last one if it is still free) and socket.
 * @throws UserError of {@link findPostgres} and {@link readDatabaseSettings}
 */
export async function prepareDatabase(run: EngineRun, database: DatabaseService): Promise<PreparedDatabase> {
  const { project, store, processes, env } = run;
  const { service } = database;
  const record = store.service(service.name, 'postgres');
  const volume = databaseVolume(project.name, service, project.volumes);
  store.state.volumes[volume.folder] = volume.status;
  const dataFolder = run.trial?.dataFolder ?? join(store.folders.volumes, volume.folder);
  const existingMajor = dataMajor(dataFolder);
  const user = await findServerUser(processes);
  const installation =
    run.trial?.server ??
    (await findPostgres(
      {
        ...(database.major === undefined ? {} : { major: database.major }),
        ...(existingMajor === undefined ? {} : { dataMajor: existingMajor }),
      },
      { processes, env, user, stateRoot: store.folders.root },
    ));
  const secrets = await readGrantedSecrets(project, service, run.lookup);
  const settings = readDatabaseSettings(service, secrets);
  const port =
    record.port !== undefined && (isRunning(record) || (await isPortFree(LOOPBACK, record.port)))
      ? record.port
      : await chooseServerPort(project);
  const server = {
    programs: installation.programs,
    complete: installation.complete,
    version: installation.version,
    // Read only at initialisation: later changes of the environment do not change the data, as with the
    // image.
    superuser: (existingMajor !== undefined && record.server?.superuser) || settings.superuser,
    database: (existingMajor !== undefined && record.server?.database) || settings.database,
    dataFolder,
    socketFolder: await makeSocketFolder(record.server?.socketFolder, user, env),
  };
  Object.assign(record, { kind: 'postgres', port, targetPort: 5432, server });
  await store.save();
  // For programs that `exec` runs beside the server. The server itself does not read the password again.
  await writeSecrets(join(store.folders.secrets, service.name), secrets);

  const prepare = async () => {
    const mark = serviceMark(store.folders, service.name);
    if (existingMajor === undefined) {
      await initialiseCluster({ dataFolder, installation, user, settings, mark, env }, processes, run.signal);
      return;
    }
    // A server that runs on this data folder without being in the state would conflict, whoever started it.
    const postmaster = postmasterOf(dataFolder);
    if (postmaster !== undefined) await endProcess(postmaster, STOP_POSTGRES);
    await removeStaleLockFile(dataFolder);
  };
  return { database, user, plan: serverPlan(database, server, port, dataFolder, user), prepare };
}

/**
 * Chooses a port that no service of this project publishes. It is below the range from which systems take the
 * ports of outgoing connections (from 32768 on Linux, 49152 elsewhere), so it stays free until the next `up`.
 */
async function chooseServerPort(project: ComposeProject): Promise<number> {
  const published = new Set(
    Object.values(project.services).flatMap(({ ports }) => ports.map((port) => port.published)),
  );
  for (;;) {
    const port = await findFreePort(LOOPBACK, randomInt(20_000, 32_000));
    if (!published.has(port)) return port;
  }
}

/** Finds the mount that holds the data of a database. */
export function dataMount({ mounts }: ComposeService): ComposeMount | undefined {
  return mounts.find(({ target }) => /^\/var\/lib\/postgresql(\/|$)/.test(target));
}

function databaseVolume(
  projectName: string,
  service: ComposeService,
  volumes: Record<string, { name: string }>,
): { folder: string; status: { key?: string; name: string; service: string } } {
  const mount = dataMount(service);
  const key = mount?.type === 'volume' ? mount.source : undefined;
  const folder = key ?? `${service.name}-data`;
  const name = (key && volumes[key]?.name) ?? `${projectName}_${folder}`;
  return { folder, status: { ...(key === undefined ? {} : { key }), name, service: service.name } };
}
