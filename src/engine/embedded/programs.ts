import { rm } from 'node:fs/promises';
import { join, resolve as resolvePath } from 'node:path';
import { ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { type ComposeService, withDependencies } from '../../project/model.js';
import type { ExecOptions, PipeOptions, PipeResult } from '../engine.js';
import { buildPackage } from './build.js';
import { classify } from './classify.js';
import { type EmbeddedContext, notRunningError } from './context.js';
import { onlyEnvironment } from './environment.js';
import { isRunning } from './launch.js';
import { startCommand } from './node-service.js';
import { receiverEnvironment } from './receiver.js';
import { readGrantedSecrets, writeSecrets } from './secrets.js';
import { serviceEnvironment } from './service-environment.js';
import type { ServerRecord, StateStore } from './state.js';
import { bringUp } from './up.js';

/** Time limit for the dependencies of a one-off program to become healthy, in milliseconds. */
const DEPENDENCY_TIMEOUT_MS = 120_000;

/** Runs a program with the folder, environment and secrets of the running service. */
export async function exec(
  context: EmbeddedContext,
  location: ProjectLocation,
  name: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<number> {
  const service = await context.service(location, name);
  const store = await context.open(location);
  if (!isRunning(store.state.services[name])) throw notRunningError(name);
  const environment = serviceEnvironment(
    { project: await context.resolve(location), store, env: context.env },
    service,
  );
  return passThrough(context, surroundings(context, store, service, environment), command, options);
}

/**
 * Runs a program of a service that need not run, with its dependencies up and its own copy of the secrets.
 */
export async function run(
  context: EmbeddedContext,
  location: ProjectLocation,
  name: string,
  command: readonly string[],
  options: ExecOptions,
): Promise<number> {
  const { env } = context;
  const service = await context.service(location, name);
  const project = await context.resolve(location);
  const embedded = classify(service);
  const store = await context.changing(location, 'run', async (open) => {
    const started = await context.engineRun(location, open);
    const wanted = withDependencies(project, Object.keys(service.dependsOn));
    if (Object.keys(service.dependsOn).length > 0) {
      const { failed } = await bringUp(started, {
        wanted,
        wait: true,
        timeoutMs: DEPENDENCY_TIMEOUT_MS,
        onEvent: () => {},
      });
      if (failed[0]) throw dependencyError(failed[0].service);
    }
    if (embedded.kind === 'node') await buildPackage(started, embedded, {});
    return open;
  });
  const secretsFolder = join(store.folders.secrets, `${name}.run-${process.pid}`);
  try {
    await writeSecrets(
      secretsFolder,
      await readGrantedSecrets(project, service, context.variables(location)),
    );
    const environment = serviceEnvironment({ project, store, env }, service, secretsFolder);
    const own = embedded.kind === 'node' && command.length === 0 ? await startCommand(embedded) : undefined;
    return await passThrough(
      context,
      surroundings(context, store, service, environment),
      own ? [own.program, ...own.args] : command,
      options,
    );
  } finally {
    await rm(secretsFolder, { recursive: true, force: true });
  }
}

/** As {@link exec}, with the program's streams as data of the caller. */
export async function pipe(
  context: EmbeddedContext,
  location: ProjectLocation,
  name: string,
  [program, ...args]: readonly string[],
  { env: more, user: _, ...streams }: PipeOptions,
): Promise<PipeResult> {
  const { processes, env } = context;
  const service = await context.service(location, name);
  const store = await context.open(location);
  if (!isRunning(store.state.services[name])) throw notRunningError(name);
  const environment = serviceEnvironment({ project: await context.resolve(location), store, env }, service);
  const { folder, server, env: variables } = surroundings(context, store, service, environment);
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

async function passThrough(
  { processes, env }: EmbeddedContext,
  { folder, server, env: variables }: Surroundings,
  [program, ...args]: readonly string[],
  options: ExecOptions,
): Promise<number> {
  if (options.user !== undefined) {
    throw new UserError({
      code: 'EMBEDDED_OPTION',
      message: 'the embedded engine runs programs as you; --user needs containers',
      exitCode: ExitCode.usage,
    });
  }
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

interface Surroundings {
  folder: string;
  /** Of a database. */
  server: ServerRecord | undefined;
  env: Record<string, string>;
}

/** Returns the folder and environment for a program of a service; for a database, also how to reach it. */
function surroundings(
  { clientPrograms, env }: EmbeddedContext,
  store: StateStore,
  service: ComposeService,
  environment: Record<string, string>,
): Surroundings {
  const embedded = classify(service);
  if (embedded.kind === 'receiver') {
    return { folder: '/', server: undefined, env: receiverEnvironment({ store, env }, embedded) };
  }
  const { server, port } = store.state.services[service.name] ?? {};
  const database =
    server && port !== undefined
      ? {
          PGHOST: server.socketFolder,
          PGPORT: String(port),
          PGUSER: server.superuser,
          PGDATABASE: server.database,
          PGDATA: server.dataFolder,
          PATH: `${clientPrograms ?? server.programs}:${environment.PATH}`,
        }
      : {};
  return {
    folder: embedded.kind === 'node' ? embedded.folder : store.state.directory,
    server,
    env: { ...environment, ...database },
  };
}

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

/** Variables of our terminal that an interactive program needs. */
function terminal({ TERM, COLORTERM }: NodeJS.ProcessEnv): Record<string, string> {
  return { ...(TERM ? { TERM } : {}), ...(COLORTERM ? { COLORTERM } : {}) };
}

function dependencyError(service: string): UserError {
  return new UserError({
    code: 'DEPENDENCY_FAILED',
    message: `"${service}", on which it depends, did not become ready`,
    hint: `invctl logs ${service}`,
    exitCode: ExitCode.unhealthy,
  });
}
