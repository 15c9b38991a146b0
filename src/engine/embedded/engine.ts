import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { withDependencies } from '../../project/model.js';
import { stateRoot } from '../../system/state-root.js';
import type {
  BuildOptions,
  BuildResult,
  BuildStep,
  Engine,
  EngineInfo,
  LogEntry,
  LogOptions,
  ServiceEvent,
  UpOptions,
  UpOutcome,
} from '../engine.js';
import type { ServiceStatus } from '../service-status.js';
import { buildPackage } from './build.js';
import { classify, databaseServices } from './classify.js';
import { connection, type DatabaseConnection } from './connection.js';
import { createEmbeddedContext, type EmbeddedEngineDependencies } from './context.js';
import { dataFolderOf } from './database.js';
import { processDatabase } from './database-access.js';
import { findPostgres, installationNotices } from './find-postgres.js';
import { forward } from './forward.js';
import { inspect, portOwner } from './inspect.js';
import { endService, isRunning } from './launch.js';
import { LogReader, readLogs, removeLogs } from './log-files.js';
import { dataMajor } from './postgres.js';
import { exec, pipe, run } from './programs.js';
import { findServerUser } from './server-user.js';
import { liveEnvironments } from './service-environment.js';
import { forgetLaunch, serviceProcesses, stopSequence } from './service-processes.js';
import type { ServiceRecord, StateStore } from './state.js';
import { serviceStatus } from './status.js';
import { bringUp } from './up.js';
import { removeVolume, volumes } from './volumes.js';

/** How long `start` waits for the dependencies of other services, in milliseconds. */
const START_TIMEOUT_MS = 120_000;

export interface EmbeddedEngine extends Engine {
  readonly kind: 'embedded';
  /** @throws UserError SERVICE_NOT_RUNNING, NO_DATABASE_SERVICE (exit 4) */
  connection(location: ProjectLocation, service?: string): Promise<DatabaseConnection>;
}

/** The engine that runs a project without containers: PostgreSQL and Node packages as processes of this machine. */
export function createEmbeddedEngine(dependencies: EmbeddedEngineDependencies): EmbeddedEngine {
  const context = createEmbeddedContext(dependencies);
  const { processes, env, resolve, changing, engineRun } = context;

  async function info(location?: ProjectLocation): Promise<EngineInfo> {
    const user = await findServerUser(processes);
    const database = location && databaseServices(await resolve(location))[0];
    if (location && !database) return { kind: 'embedded', version: process.version, notices: [] };
    const store = location && (await context.open(location));
    const dataFolder = store && database && dataFolderOf(store, database.service.name);
    const existing = dataFolder === undefined ? undefined : dataMajor(dataFolder);
    const found = await findPostgres(
      {
        ...(database?.major === undefined ? {} : { major: database.major }),
        ...(existing === undefined ? {} : { dataMajor: existing }),
      },
      { processes, env, user, stateRoot: stateRoot(env) },
    );
    return { kind: 'embedded', version: found.version, notices: installationNotices(found, database?.major) };
  }

  async function build(
    location: ProjectLocation,
    options: BuildOptions,
    onStep: (step: BuildStep) => void,
  ): Promise<BuildResult[]> {
    return changing(location, 'build', async (store) => {
      const run = await engineRun(location, store, options.signal);
      const results: BuildResult[] = [];
      for (const service of Object.values(run.project.services)) {
        const wanted =
          options.services.length === 0 ? service.build : options.services.includes(service.name);
        if (!wanted) continue;
        const node = classify(service);
        if (node.kind !== 'node') continue;
        const started = Date.now();
        const steps: BuildStep[] = [];
        await buildPackage(run, node, {
          ...(options.noCache === undefined ? {} : { noCache: options.noCache }),
          onStart: (name) => options.onRunning?.({ service: service.name, name, instruction: true }),
          onStep: (step) => {
            steps.push(step);
            onStep(step);
          },
        });
        results.push({
          service: service.name,
          image: node.folder,
          steps,
          seconds: (Date.now() - started) / 1000,
        });
      }
      return results;
    });
  }

  async function up(
    location: ProjectLocation,
    options: UpOptions,
    onEvent: (event: ServiceEvent) => void,
  ): Promise<UpOutcome> {
    return changing(location, 'up', async (store) => {
      const run = await engineRun(location, store, options.signal);
      const wanted = withDependencies(run.project, options.services);
      const { build, wait, timeoutMs } = options;
      return bringUp(run, { wanted, ...(build ? { build } : {}), wait, timeoutMs, onEvent });
    });
  }

  /** Returns the services that have or had a process; the last started comes first. */
  function launched(store: StateStore, services: readonly string[]): string[] {
    return Object.entries(store.state.services)
      .filter(([name, { launch }]) => launch && (services.length === 0 || services.includes(name)))
      .sort(([, a], [, b]) => (b.launch?.startedAt ?? '').localeCompare(a.launch?.startedAt ?? ''))
      .map(([name]) => name);
  }

  async function end(store: StateStore, names: readonly string[]): Promise<void> {
    for (const name of names) {
      const { kind } = store.state.services[name] as ServiceRecord;
      await endService(serviceProcesses(store, name), stopSequence(kind));
    }
  }

  async function startAgain(
    location: ProjectLocation,
    store: StateStore,
    names: readonly string[],
  ): Promise<void> {
    for (const name of names) {
      if (store.state.services[name]?.launch) continue;
      throw new UserError({
        code: 'SERVICE_NOT_CREATED',
        message: `the service "${name}" was never started, or was removed`,
        hint: `invctl up ${name}`,
      });
    }
    await bringUp(await engineRun(location, store), {
      wanted: new Set(names.filter((name) => !isRunning(store.state.services[name]))),
      wait: false,
      timeoutMs: START_TIMEOUT_MS,
      onEvent: () => {},
    });
  }

  async function remove(store: StateStore, names: readonly string[]): Promise<void> {
    for (const name of names) {
      await forgetLaunch(store, name);
      await removeLogs(store.folders.logs, name);
    }
    await store.save();
  }

  async function status(location: ProjectLocation): Promise<ServiceStatus[]> {
    const { state } = await context.open(location);
    const known = Object.entries(state.services).filter(([, { launch }]) => launch);
    known.sort(([a], [b]) => (a < b ? -1 : 1));
    return Promise.all(known.map(([name, record]) => serviceStatus(name, record)));
  }

  async function* logs(location: ProjectLocation, options: LogOptions): AsyncGenerator<LogEntry> {
    const store = await context.open(location);
    const names = Object.keys(store.state.services).filter(
      (name) => options.services.length === 0 || options.services.includes(name),
    );
    const readers = names.map((name) => new LogReader(store.folders.logs, name));
    const goesOn = () => names.some((name) => isRunning(store.state.services[name]));
    yield* readLogs(readers, options, options.follow ? goesOn : undefined);
  }

  const engine: EmbeddedEngine = {
    kind: 'embedded',
    info,
    resolve,
    build,
    up,
    down: (location, { volumes: all }) =>
      changing(location, 'down', async (store) => {
        await end(store, Object.keys(store.state.services));
        await remove(store, Object.keys(store.state.services));
        if (all || Object.keys(store.state.volumes).length === 0) await store.destroy();
      }),
    stop: (location, services) =>
      changing(location, 'stop', (store) => end(store, launched(store, services))),
    start: (location, services) =>
      changing(location, 'start', (store) =>
        startAgain(location, store, services.length > 0 ? services : launched(store, [])),
      ),
    restart: (location, services) =>
      changing(location, 'restart', async (store) => {
        const names = services.length > 0 ? services : launched(store, []);
        await end(store, launched(store, services));
        await startAgain(location, store, names);
      }),
    remove: (location, services, { stop }) =>
      changing(location, 'rm', async (store) => {
        const names = launched(store, services);
        if (stop) await end(store, names);
        await remove(
          store,
          names.filter((name) => !isRunning(store.state.services[name])),
        );
      }),
    status,
    logs,
    exec: (...args) => exec(context, ...args),
    pipe: (...args) => pipe(context, ...args),
    run: (...args) => run(context, ...args),
    connection: (...args) => connection(context, ...args),
    database: (location, service) => processDatabase(engine, location, service),
    forward: (...args) => forward(context, ...args),
    portOwner: (...args) => portOwner(context, ...args),
    inspect: (...args) => inspect(context, ...args),
    imageEnvironments: () => Promise.resolve(new Map()),
    environments: async (location, services) => {
      const [project, store] = await Promise.all([resolve(location), context.open(location)]);
      return liveEnvironments({ project, store, env }, services);
    },
    networks: () => Promise.resolve([]),
    volumes: (location) => volumes(context, location),
    removeVolume: (...args) => removeVolume(context, ...args),
  };
  return engine;
}
