import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join, resolve as resolvePath } from 'node:path';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeProject, type ComposeService, withDependencies } from '../../project/model.js';
import { withProjectLock } from '../../system/lock.js';
import { findListener } from '../../system/ports.js';
import type { ProcessRunner } from '../../system/process.js';
import { findProcesses } from '../../system/process-table.js';
import { isSecretName, redact, type Secret } from '../../system/secret.js';
import type {
  BuildOptions,
  BuildResult,
  BuildStep,
  Engine,
  EngineInfo,
  ExecOptions,
  LogEntry,
  LogOptions,
  PipeOptions,
  PipeResult,
  PortOwner,
  ServiceDetails,
  ServiceEvent,
  ServiceStatus,
  UpOptions,
  UpOutcome,
  VolumeStatus,
} from '../engine.js';
import { buildPackage } from './build.js';
import { classify, databaseServices, type NodeService, serverArguments } from './classify.js';
import { dataFolderOf } from './database.js';
import { readDatabaseSettings } from './database-settings.js';
import { onlyEnvironment } from './environment.js';
import { findPostgres, installationNotices } from './find-postgres.js';
import { endService, isRunning, markOf, serviceMark } from './launch.js';
import { LogReader, readLogs, removeLogs } from './log-files.js';
import { startCommand } from './node-service.js';
import { dataMajor } from './postgres.js';
import type { EngineRun } from './run.js';
import { readGrantedSecrets, writeSecrets } from './secrets.js';
import { findServerUser } from './server-user.js';
import { makeStateFolder, type ServiceRecord, StateStore, stateFolders } from './state.js';
import { serviceStatus } from './status.js';
import { bringUp, forgetLaunch, serviceEnvironment, serviceProcesses, stopSequence } from './up.js';

const START_TIMEOUT_MS = 120_000;

export interface EmbeddedEngineDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  warn(message: string): void;
}

/** How to reach a running database of the project. */
export interface DatabaseConnection {
  host: string;
  port: number;
  user: string;
  database: string;
  /** What the compose file names now; the data may have been initialised with another. */
  password: Secret | undefined;
  /** Folder of the local socket, over which the superuser needs no password. */
  socketFolder: string;
  /** Folder with psql, pg_dump and pg_restore, where this PostgreSQL has them. */
  clientPrograms?: string;
}

export interface EmbeddedEngine extends Engine {
  readonly kind: 'embedded';
  /** @throws UserError SERVICE_NOT_RUNNING, NO_DATABASE_SERVICE (exit 4) */
  connection(location: ProjectLocation, service?: string): Promise<DatabaseConnection>;
}

/** The engine that runs a project without containers: PostgreSQL and Node packages as processes of this machine. */
export function createEmbeddedEngine({
  processes,
  env,
  signal,
  warn,
}: EmbeddedEngineDependencies): EmbeddedEngine {
  const resolved = new Map<string, Promise<ComposeProject>>();

  async function read(location: ProjectLocation): Promise<ComposeProject> {
    const { readProject } = await import('../../project/read.js');
    const { project, warnings } = await readProject(location, env);
    for (const warning of warnings) warn(warning);
    return project;
  }

  function resolve(location: ProjectLocation): Promise<ComposeProject> {
    const key = location.files.join('\n');
    const known = resolved.get(key) ?? read(location);
    resolved.set(key, known);
    return known;
  }

  /** Runs `change` alone: another folder may pin the same project name, and its lock is another one. */
  async function changing<T>(
    location: ProjectLocation,
    command: string,
    change: (store: StateStore) => Promise<T>,
  ): Promise<T> {
    const { project } = stateFolders(location, env);
    await makeStateFolder(project, 'traversable');
    try {
      return await withProjectLock(project, { command: `invctl ${command}`, signal }, async () =>
        change(await StateStore.open(location, env)),
      );
    } finally {
      // Where nothing is known of the project any more, or ever was, its folder goes as well. A lock whose holder
      // was killed leaves its folder.
      for (const folder of [join(project, '.invctl'), project]) {
        await rmdir(folder).catch((error) => {
          if (!hasErrorCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
        });
      }
    }
  }

  async function engineRun(
    location: ProjectLocation,
    store: StateStore,
    also?: AbortSignal,
  ): Promise<EngineRun> {
    return {
      project: await resolve(location),
      store,
      processes,
      env,
      signal: also ? AbortSignal.any([signal, also]) : signal,
    };
  }

  async function info(location?: ProjectLocation): Promise<EngineInfo> {
    const user = await findServerUser(processes);
    const database = location && databaseServices(await resolve(location))[0];
    if (location && !database) return { kind: 'embedded', version: process.version, notices: [] };
    const { root } = location ? stateFolders(location, env) : stateFolders(ANY_PROJECT, env);
    const store = location && (await StateStore.open(location, env));
    const dataFolder = store && database && dataFolderOf(store, database.service.name);
    const existing = dataFolder === undefined ? undefined : dataMajor(dataFolder);
    const found = await findPostgres(
      {
        ...(database?.major === undefined ? {} : { major: database.major }),
        ...(existing === undefined ? {} : { dataMajor: existing }),
      },
      { processes, env, user, stateRoot: root },
    );
    return { kind: 'embedded', version: found.version, notices: installationNotices(found, database?.major) };
  }

  async function build(
    location: ProjectLocation,
    options: BuildOptions,
    onStep: (step: BuildStep) => void,
  ): Promise<BuildResult[]> {
    return changing(location, 'build', async (store) => {
      const { project, signal: stop } = await engineRun(location, store, options.signal);
      const results: BuildResult[] = [];
      for (const service of Object.values(project.services)) {
        const wanted =
          options.services.length === 0 ? service.build : options.services.includes(service.name);
        if (!wanted) continue;
        const node = classify(service);
        if (node.kind !== 'node') continue;
        const started = Date.now();
        const steps: BuildStep[] = [];
        const record = store.service(service.name, 'node');
        record.build = await buildPackage(
          node,
          record.build,
          {
            processes,
            env,
            mark: serviceMark(store.folders, service.name),
            signal: stop,
            ...(options.noCache === undefined ? {} : { noCache: options.noCache }),
          },
          (step) => {
            steps.push(step);
            onStep(step);
          },
        );
        await store.save();
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
      return bringUp(run, { wanted, wait: options.wait, timeoutMs: options.timeoutMs, onEvent });
    });
  }

  /** Services that have a process or had one, the last started first. */
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
    const { state } = await StateStore.open(location, env);
    const known = Object.entries(state.services).filter(([, { launch }]) => launch);
    return Promise.all(known.map(([name, record]) => serviceStatus(name, record)));
  }

  async function* logs(location: ProjectLocation, options: LogOptions): AsyncGenerator<LogEntry> {
    const store = await StateStore.open(location, env);
    const names = Object.keys(store.state.services).filter(
      (name) => options.services.length === 0 || options.services.includes(name),
    );
    const readers = names.map((name) => new LogReader(store.folders.logs, name));
    const goesOn = () => names.some((name) => isRunning(store.state.services[name]));
    yield* readLogs(readers, options, options.follow ? goesOn : undefined);
  }

  async function serviceOf(location: ProjectLocation, name: string): Promise<ComposeService> {
    const service = (await resolve(location)).services[name];
    if (service) return service;
    throw new UserError({
      code: 'UNKNOWN_SERVICE',
      message: `there is no service "${name}"`,
      exitCode: ExitCode.usage,
    });
  }

  async function exec(
    location: ProjectLocation,
    name: string,
    command: readonly string[],
    options: ExecOptions,
  ): Promise<number> {
    const service = await serviceOf(location, name);
    const store = await StateStore.open(location, env);
    if (!isRunning(store.state.services[name])) throw notRunningError(name);
    const environment = serviceEnvironment({ project: await resolve(location), store, env }, service);
    return passThrough(store, service, command, environment, options);
  }

  async function run(
    location: ProjectLocation,
    name: string,
    command: readonly string[],
    options: ExecOptions,
  ): Promise<number> {
    const service = await serviceOf(location, name);
    const project = await resolve(location);
    const embedded = classify(service);
    const store = await changing(location, 'run', async (open) => {
      const started = await engineRun(location, open);
      const wanted = withDependencies(project, Object.keys(service.dependsOn));
      if (Object.keys(service.dependsOn).length > 0) {
        const { failed } = await bringUp(started, {
          wanted,
          wait: true,
          timeoutMs: START_TIMEOUT_MS,
          onEvent: () => {},
        });
        if (failed[0]) throw dependencyError(failed[0].service);
      }
      if (embedded.kind === 'node') {
        const record = open.service(name, 'node');
        const mark = serviceMark(open.folders, name);
        record.build = await buildPackage(embedded, record.build, { processes, env, mark, signal }, () => {});
        await open.save();
      }
      return open;
    });
    const secretsFolder = join(store.folders.secrets, `${name}.run-${process.pid}`);
    try {
      await writeSecrets(secretsFolder, await readGrantedSecrets(project, service, env));
      const environment = serviceEnvironment({ project, store, env }, service, secretsFolder);
      const own = embedded.kind === 'node' && command.length === 0 ? await startCommand(embedded) : undefined;
      return await passThrough(
        store,
        service,
        own ? [own.program, ...own.args] : command,
        environment,
        options,
      );
    } finally {
      await rm(secretsFolder, { recursive: true, force: true });
    }
  }

  async function passThrough(
    store: StateStore,
    service: ComposeService,
    [program, ...args]: readonly string[],
    environment: Record<string, string>,
    options: ExecOptions,
  ): Promise<number> {
    if (options.user !== undefined) {
      throw new UserError({
        code: 'EMBEDDED_OPTION',
        message: 'the embedded engine runs programs as you; --user needs containers',
        exitCode: ExitCode.usage,
      });
    }
    const { folder, server, env: variables } = surroundings(store, service, environment);
    try {
      return await processes.passThrough(program as string, args, {
        cwd: options.workdir === undefined ? folder : resolvePath(folder, options.workdir),
        env: onlyEnvironment({ ...variables, ...terminal(env), ...options.env }, env),
        ...(options.stdin ? { stdin: options.stdin } : {}),
        ...(options.stdout ? { stdout: options.stdout } : {}),
      });
    } catch (error) {
      throw explainMissingProgram(error, program as string, server);
    }
  }

  async function pipe(
    location: ProjectLocation,
    name: string,
    [program, ...args]: readonly string[],
    { env: more, user: _, ...streams }: PipeOptions,
  ): Promise<PipeResult> {
    const service = await serviceOf(location, name);
    const store = await StateStore.open(location, env);
    if (!isRunning(store.state.services[name])) throw notRunningError(name);
    const environment = serviceEnvironment({ project: await resolve(location), store, env }, service);
    const { folder, server, env: variables } = surroundings(store, service, environment);
    try {
      return await processes.run(program as string, args, {
        ...streams,
        cwd: folder,
        env: onlyEnvironment({ ...variables, ...more }, env),
        allowFailure: true,
        ownSession: true,
      });
    } catch (error) {
      throw explainMissingProgram(error, program as string, server);
    }
  }

  /** Where a program of a service runs and what it finds in its environment; beside a database, how to reach it. */
  function surroundings(store: StateStore, service: ComposeService, environment: Record<string, string>) {
    const embedded = classify(service);
    const { server, port } = store.state.services[service.name] ?? {};
    const database =
      server && port !== undefined
        ? {
            PGHOST: server.socketFolder,
            PGPORT: String(port),
            PGUSER: server.superuser,
            PGDATABASE: server.database,
            PATH: `${server.programs}:${environment.PATH}`,
          }
        : {};
    return {
      folder: embedded.kind === 'node' ? embedded.folder : store.state.directory,
      server,
      env: { ...environment, ...database },
    };
  }

  async function connection(location: ProjectLocation, name?: string): Promise<DatabaseConnection> {
    const project = await resolve(location);
    const database = databaseServices(project).find(
      ({ service }) => name === undefined || service.name === name,
    );
    if (!database) {
      throw new UserError({
        code: 'NO_DATABASE_SERVICE',
        message:
          name === undefined ? 'the project has no PostgreSQL service' : `"${name}" is no PostgreSQL service`,
        exitCode: ExitCode.projectInvalid,
      });
    }
    const { service } = database;
    const store = await StateStore.open(location, env);
    const record = store.state.services[service.name];
    const { server, port } = record ?? {};
    if (!server || port === undefined || !isRunning(record)) throw notRunningError(service.name);
    const settings = readDatabaseSettings(service, await readGrantedSecrets(project, service, env));
    return {
      host: '127.0.0.1',
      port,
      user: server.superuser,
      database: server.database,
      password: settings.password,
      socketFolder: server.socketFolder,
      ...(server.complete ? { clientPrograms: server.programs } : {}),
    };
  }

  async function portOwner(location: ProjectLocation, port: number): Promise<PortOwner | undefined> {
    const { state, folders } = await StateStore.open(location, env);
    const listener = await findListener(port);
    for (const [service, record] of Object.entries(state.services)) {
      const own = record.port === port && isRunning(record);
      // One that an invctl started and, killed at that moment, did not note.
      const stray =
        listener &&
        findProcesses({ environment: markOf(folders, service) }).some(({ pid }) => pid === listener.pid);
      if (!own && !stray) continue;
      return {
        instance: `pid ${listener?.pid ?? record.launch?.process.pid}`,
        project: location.name,
        service,
      };
    }
    return undefined;
  }

  async function inspect(location: ProjectLocation, name: string): Promise<ServiceDetails[]> {
    const service = await serviceOf(location, name);
    const store = await StateStore.open(location, env);
    const record = store.state.services[name];
    if (!record?.launch) throw notRunningError(name);
    const embedded = classify(service);
    const environment = serviceEnvironment({ project: await resolve(location), store, env }, service);
    const started = embedded.kind === 'node' ? await startCommand(embedded) : undefined;
    const dataFolder = dataFolderOf(store, name);
    return [
      {
        ...(await serviceStatus(name, record)),
        image: record.server ? `PostgreSQL ${record.server.version}` : (embedded as NodeService).folder,
        command: started
          ? [started.program, ...started.args]
          : ['postgres', ...(embedded.kind === 'postgres' ? serverArguments(embedded) : [])],
        mounts: dataFolder
          ? [{ type: 'volume', source: dataFolder, target: '/var/lib/postgresql/data', readOnly: false }]
          : [],
        networks: [],
        environment: Object.fromEntries(
          Object.entries(environment).map(([key, value]) => [
            key,
            isSecretName(key) ? '[redacted]' : redact(value),
          ]),
        ),
      },
    ];
  }

  async function volumes(location: ProjectLocation): Promise<VolumeStatus[]> {
    const store = await StateStore.open(location, env);
    const found: VolumeStatus[] = [];
    for (const [folder, { key, name, service }] of Object.entries(store.state.volumes)) {
      const mountpoint = join(store.folders.volumes, folder);
      const created = await stat(mountpoint).catch(() => undefined);
      if (!created) continue;
      const record = store.state.services[service];
      found.push({
        ...(key === undefined ? {} : { key }),
        name,
        driver: 'local',
        mountpoint,
        bytes: await bytesIn(mountpoint),
        createdAt: created.birthtime.toISOString(),
        services: record?.launch ? [service] : [],
        unused: !record?.launch,
      });
    }
    return found;
  }

  async function removeVolume(location: ProjectLocation, name: string): Promise<void> {
    await changing(location, 'volume rm', async (store) => {
      const found = Object.entries(store.state.volumes).find(
        ([folder, volume]) => volume.name === name || folder === name,
      );
      if (!found) {
        throw new UserError({
          code: 'UNKNOWN_VOLUME',
          message: `there is no volume ${name}`,
          hint: 'invctl volume ls',
        });
      }
      const [folder, { service }] = found;
      if (store.state.services[service]?.launch) {
        throw new UserError({
          code: 'VOLUME_IN_USE',
          message: `the volume ${name} is in use by the service "${service}"`,
          hint: 'invctl down',
        });
      }
      await rm(join(store.folders.volumes, folder), { recursive: true, force: true });
      delete store.state.volumes[folder];
      await store.save();
    });
  }

  return {
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
    exec,
    pipe,
    run,
    connection,
    portOwner,
    inspect,
    imageEnvironment: () => Promise.resolve({}),
    networks: () => Promise.resolve([]),
    volumes,
    removeVolume,
  };
}

/** For what does not depend on a project. */
const ANY_PROJECT: ProjectLocation = {
  name: 'any',
  directory: '/',
  files: [],
  envFiles: [],
  explicitFiles: false,
};

function explainMissingProgram(
  error: unknown,
  program: string,
  server: { programs: string; complete: boolean } | undefined,
): unknown {
  const missing = error instanceof UserError && error.code === 'PROGRAM_NOT_FOUND';
  if (!missing || !server || server.complete) return error;
  return new UserError({
    code: 'CLIENT_PROGRAMS_MISSING',
    message: `the PostgreSQL that runs here (${server.programs}) comes without the program \`${program}\``,
    hint: 'install the client programs, e.g.: apt-get install postgresql-client',
    cause: error,
  });
}

/** What an interactive program must know of our terminal. */
function terminal({ TERM, COLORTERM }: NodeJS.ProcessEnv): Record<string, string> {
  return { ...(TERM ? { TERM } : {}), ...(COLORTERM ? { COLORTERM } : {}) };
}

function notRunningError(name: string): UserError {
  return new UserError({
    code: 'SERVICE_NOT_RUNNING',
    message: `the service "${name}" has no process`,
    hint: `invctl up ${name}`,
  });
}

function dependencyError(service: string): UserError {
  return new UserError({
    code: 'DEPENDENCY_FAILED',
    message: `"${service}", on which it depends, did not become ready`,
    hint: `invctl logs ${service}`,
    exitCode: ExitCode.unhealthy,
  });
}

/** Bytes that the files of a folder take on disk. */
async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    // A running server removes files of its own as we look.
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    bytes += (found?.blocks ?? 0) * 512;
  }
  return bytes;
}
