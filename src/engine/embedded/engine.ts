import type { ProjectLocation } from '../../project/locate.js';
import { withDependencies } from '../../project/model.js';
import type { Engine, LogEntry, LogOptions, ServiceEvent, UpOptions, UpOutcome } from '../engine.js';
import type { ServiceStatus } from '../service-status.js';
import { buildServices } from './build-services.js';
import { connection, type DatabaseConnection } from './connection.js';
import { createEmbeddedContext, type EmbeddedContext, type EmbeddedEngineDependencies } from './context.js';
import { processDatabase } from './database-access.js';
import { forward } from './forward.js';
import { info } from './info.js';
import { inspect, portOwner } from './inspect.js';
import { isRunning } from './launch.js';
import { down, remove, restart, start, stop } from './lifecycle.js';
import { LogReader, readLogs } from './log-files.js';
import { exec, pipe, run } from './programs.js';
import { liveEnvironments } from './service-environment.js';
import { serviceStatus } from './status.js';
import { bringUp } from './up.js';
import { removeVolume, volumes } from './volumes.js';

export interface EmbeddedEngine extends Engine {
  readonly kind: 'embedded';
  /** @throws UserError SERVICE_NOT_RUNNING, NO_DATABASE_SERVICE (exit 4) */
  connection(location: ProjectLocation, service?: string): Promise<DatabaseConnection>;
}

/** The engine that runs a project without containers: PostgreSQL and Node packages as processes of this machine. */
export function createEmbeddedEngine(dependencies: EmbeddedEngineDependencies): EmbeddedEngine {
  const context = createEmbeddedContext(dependencies);
  const engine: EmbeddedEngine = {
    kind: 'embedded',
    info: (...args) => info(context, ...args),
    resolve: context.resolve,
    build: (...args) => buildServices(context, ...args),
    up: (...args) => up(context, ...args),
    down: (...args) => down(context, ...args),
    stop: (...args) => stop(context, ...args),
    start: (...args) => start(context, ...args),
    restart: (...args) => restart(context, ...args),
    remove: (...args) => remove(context, ...args),
    status: (...args) => status(context, ...args),
    logs: (...args) => logs(context, ...args),
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
      const [project, store] = await Promise.all([context.resolve(location), context.open(location)]);
      return liveEnvironments({ project, store, env: context.env }, services);
    },
    networks: () => Promise.resolve([]),
    volumes: (location) => volumes(context, location),
    removeVolume: (...args) => removeVolume(context, ...args),
  };
  return engine;
}

async function up(
  { changing, engineRun }: EmbeddedContext,
  location: ProjectLocation,
  options: UpOptions,
  onEvent: (event: ServiceEvent) => void,
): Promise<UpOutcome> {
  await options.checks;
  return changing(location, 'up', async (store) => {
    const run = await engineRun(location, store, options.signal);
    const wanted = withDependencies(run.project, options.services);
    const { build, wait, timeoutMs } = options;
    return bringUp(run, { wanted, ...(build ? { build } : {}), wait, timeoutMs, onEvent });
  });
}

async function status(context: EmbeddedContext, location: ProjectLocation): Promise<ServiceStatus[]> {
  const { state } = await context.open(location);
  const known = Object.entries(state.services).filter(([, { launch }]) => launch);
  known.sort(([a], [b]) => (a < b ? -1 : 1));
  return Promise.all(known.map(([name, record]) => serviceStatus(name, record)));
}

async function* logs(
  context: EmbeddedContext,
  location: ProjectLocation,
  options: LogOptions,
): AsyncGenerator<LogEntry> {
  const store = await context.open(location);
  const names = Object.keys(store.state.services).filter(
    (name) => options.services.length === 0 || options.services.includes(name),
  );
  const readers = names.map((name) => new LogReader(store.folders.logs, name));
  const goesOn = () => names.some((name) => isRunning(store.state.services[name]));
  yield* readLogs(readers, options, options.follow ? goesOn : undefined);
}
