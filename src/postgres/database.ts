import type { DatabaseAccess } from '../engine/database-access.js';
import type { Engine, PipeOptions, PipeResult } from '../engine/engine.js';
import { ExitCode, UserError } from '../errors.js';
import type { ProjectLocation } from '../project/locate.js';
import type { ComposeProject, ComposeService } from '../project/model.js';
import { mountedText } from '../project/mounted-file.js';
import { databaseService } from '../project/service-roles.js';
import { type ProjectSettings, readSettings } from '../project/settings-file.js';
import { databaseWord, outputTail } from '../system/argv.js';
import type { Secret } from '../system/secret.js';
import { imageSettings } from './image-variables.js';
import { withSessionOptions } from './session-settings.js';

/** The project's PostgreSQL: its service, and the user and database with which its superuser logs in. */
export interface Database {
  readonly engine: Engine;
  readonly location: ProjectLocation;
  readonly project: ComposeProject;
  readonly settings: ProjectSettings;
  readonly service: ComposeService;
  readonly name: string;
  readonly user: string;
}

/**
 * @throws UserError of {@link databaseService} or DATABASE_SETTING_FILE (exit 4), and the engine's own
 * errors.
 */
export async function findDatabase(engine: Engine, location: ProjectLocation): Promise<Database> {
  const [project, settings] = await Promise.all([engine.resolve(location), readSettings(location)]);
  const service = databaseService(project, settings.services);
  const { superuser, database, unreadable } = imageSettings(service, (path) =>
    mountedText(project, service, path),
  );
  const lost = unreadable.find((name) => !/PASSWORD/.test(name));
  if (lost !== undefined) throw unreadableSetting(service, lost);
  return { engine, location, project, settings, service, user: superuser, name: database };
}

/** Returns the engine's access to the database. */
export function accessTo({ engine, location, service }: Database): DatabaseAccess {
  return engine.database(location, service.name);
}

/**
 * Whether the server has no pg_dump and pg_restore beside it. Its data can then be copied only while it is
 * stopped.
 */
export async function lacksClientPrograms(database: Database): Promise<boolean> {
  return !(await accessTo(database).hasClientPrograms());
}

/**
 * Returns the folder of this machine that holds the cluster.
 * @throws UserError NO_DATA
 */
export async function dataFolder(database: Database): Promise<string> {
  const folder = await accessTo(database).dataFolder();
  if (folder !== undefined) return folder;
  throw new UserError({
    code: 'NO_DATA',
    message: `the service ${database.service.name} has no data folder`,
    hint: 'invctl up',
  });
}

/**
 * Whether the server accepts this password of its superuser over TCP, as it does for the app.
 * @throws UserError DATABASE_UNREACHABLE if the server does not answer at all.
 */
export async function acceptsPassword(
  database: Database,
  password: Secret,
  signal?: AbortSignal,
): Promise<boolean> {
  const { user, name } = database;
  const login = { user, database: name };
  return (await accessTo(database).accepts(login, password, signal)).accepted;
}

function unreadableSetting(service: ComposeService, variable: string): UserError {
  return new UserError({
    code: 'DATABASE_SETTING_FILE',
    message: `${variable} of the service ${service.name} names ${service.environment[variable]}, which no secret with a file and no bind mount provides`,
    hint: `grant the secret to ${service.name} under \`secrets:\`, and write its file`,
    exitCode: ExitCode.projectInvalid,
  });
}

/** Arguments that every PostgreSQL client program accepts. */
export function connectionArguments(database: Database, name = database.name): string[] {
  return [`--username=${database.user}`, `--dbname=${databaseWord(name)}`];
}

/** psql for scripts: without the user's settings, without prompts, and ending at the first error. */
export function psqlForScript(database: Database, name = database.name): string[] {
  return [
    'psql',
    ...connectionArguments(database, name),
    '--no-psqlrc',
    '--no-password',
    '--set=ON_ERROR_STOP=1',
  ];
}

/**
 * Runs a client program of the server's own installation, beside the server.
 * @returns its result, whatever the exit status is; `programFailed` makes an error of it.
 */
export function runProgram(
  database: Database,
  command: readonly string[],
  options: PipeOptions = {},
): Promise<PipeResult> {
  return database.engine.pipe(database.location, database.service.name, command, options);
}

/**
 * Runs a client program that logs in, as {@link runProgram} does, with our own settings: those that a project
 * has set for its sessions do not apply.
 * @param options `database`: that it logs in to, by default the project's; `settings`: additional ones, as
 * `name=value`.
 */
export function runClient(
  database: Database,
  command: readonly string[],
  { database: name, settings, ...options }: PipeOptions & { database?: string; settings?: readonly string[] },
): Promise<PipeResult> {
  const login = { user: database.user, database: name ?? database.name };
  return runProgram(database, withSessionOptions(command, login, settings), options);
}

/** Version of a client program. @throws UserError PROGRAM_FAILED */
export async function clientProgram(
  database: Database,
  name: 'pg_dump' | 'pg_restore',
): Promise<{ program: string; major: number }> {
  const result = await runProgram(database, [name, '--version']);
  const program = /\(PostgreSQL\) (\d+\S*)/.exec(result.stdout)?.[1];
  if (program === undefined) {
    throw programFailed(
      'PROGRAM_FAILED',
      `${name} does not run in the service ${database.service.name}`,
      result,
      "give it an image that has PostgreSQL's client programs, such as postgres:17",
    );
  }
  return { program, major: Number.parseInt(program, 10) };
}

/** Makes an error of a client program's message. */
export function programFailed(code: string, what: string, result: PipeResult, hint?: string): UserError {
  const said = outputTail(result.stderr, 8);
  return new UserError({
    code,
    message: `${what}${said ? `:\n${said}` : ` (exit status ${result.status})`}`,
    ...(hint === undefined ? {} : { hint }),
  });
}
