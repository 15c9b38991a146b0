import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { ExitCode, UserError } from '../errors.js';
import type { RemoteHost } from '../system/ssh/remote-host.js';
import { type SharedLock, STATE_FOLDER } from '../system/state-folder.js';
import { interpolate, TemplateError } from './interpolate.js';
import { type ProjectEnvironment, readEnvironment } from './project-environment.js';

/** The location and name of a project: enough to ask an engine about it. */
export interface ProjectLocation {
  name: string;
  /** Absolute project directory. */
  directory: string;
  /** Absolute compose files in merge order. */
  files: string[];
  /** True if the files are not the default ones and so must be named to an engine. */
  explicitFiles: boolean;
  /**
   * Absolute `.env` files of the project environment; a later one overrides an earlier one, as with
   * `--env-file`.
   */
  envFiles: string[];
  /** Absolute folder of invctl's own files: locks, journals. Each environment has its own. */
  stateFolder: string;
  /** The environment of `invctl.yaml`, if one was chosen. */
  environment?: LocatedEnvironment;
  /** The project's engine, if it is not the client's default. */
  host?: LocatedHost;
  /** The project's lock on that engine. */
  sharedLock?: SharedLock;
}

/** Facts about an engine that is not the client's default. */
export interface LocatedHost {
  /** The machine, if it is reached by SSH. */
  remote?: RemoteHost;
  /**
   * Name of its subfolder in the state folder and in that of the backups: the files about the project on this
   * machine do not apply to the project on that one. Absent if the environment has these folders for itself.
   */
  stateName?: string;
}

/** Facts about the environment that a command works in. */
export interface LocatedEnvironment {
  name: string;
  /** Data in it is lost only with `--confirm`. */
  protected: boolean;
  /** Its docker context, if it names one. */
  context?: string;
  /** Its engine's address, if it names one. */
  host?: string;
}

// The names, their order and the search through parent folders are those of compose-go's cli package.
export const COMPOSE_FILE_NAMES = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yml',
  'docker-compose.yaml',
];
export const OVERRIDE_FILE_NAMES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/**
 * Finds the Compose project of a folder as Compose does: `COMPOSE_FILE` of the shell if set, otherwise a
 * compose file in the folder or the nearest parent that has one, whose `.env` may also set `COMPOSE_FILE`.
 * @param env with the variables of `environment`, if one was chosen
 * @param host the project's engine, if it is not the client's default
 * @throws UserError NO_PROJECT, PROJECT_NAME_INVALID, or the error in `.env` (exit 4).
 */
export function locateProject(
  directory: string,
  env: NodeJS.ProcessEnv,
  environment?: LocatedEnvironment,
  host?: LocatedHost,
): ProjectLocation {
  const folder = statSync(directory, { throwIfNoEntry: false });
  if (!folder) throw noProject(`there is no folder ${directory}`, `invctl init ${directory}`);
  if (!folder.isDirectory()) {
    throw noProject(`${directory} is not a folder`, 'name the project folder with -C');
  }
  const fromShell =
    env.COMPOSE_FILE === undefined ? undefined : explicitFiles(directory, { lookup: (name) => env[name] });
  const found = fromShell ?? defaultFiles(directory);
  const envFiles = dotEnvFiles(directory, found ? dirname(found[0] as string) : directory, env);
  const variables = readEnvironment(envFiles, env, () => {});

  const named =
    fromShell ??
    (variables.lookup('COMPOSE_FILE') === undefined ? undefined : explicitFiles(directory, variables));
  const files = named ?? found;
  if (!files) {
    throw noProject(
      `no compose file in ${directory} or a folder above it`,
      'invctl init      (or name the project folder with -C)',
    );
  }
  const projectDirectory = dirname(files[0] as string);
  const allEnvFiles = [...new Set([...dotEnvFiles(directory, projectDirectory, env), ...envFiles])];
  const name = projectName(
    projectDirectory,
    files,
    readEnvironment(allEnvFiles, env, () => {}),
  );
  return {
    name,
    directory: projectDirectory,
    files,
    explicitFiles: named !== undefined,
    envFiles: allEnvFiles,
    stateFolder: stateFolder(projectDirectory, environment, host),
    ...(environment ? { environment } : {}),
    ...(host ? { host } : {}),
    ...(host?.remote ? { sharedLock: sharedLock(host.remote, name) } : {}),
  };
}

function sharedLock(remote: RemoteHost, name: string): SharedLock {
  return async (options) => {
    const { hostLock } = await import('../system/ssh/host-lock.js');
    return hostLock(remote, name)(options);
  };
}

function stateFolder(
  directory: string,
  environment: LocatedEnvironment | undefined,
  host: LocatedHost | undefined,
): string {
  return join(
    directory,
    STATE_FOLDER,
    environment ? join('environments', environment.name) : '',
    host?.stateName === undefined ? '' : join('hosts', host.stateName),
  );
}

/** Returns the files of `COMPOSE_FILE`; relative ones start at the requested folder. */
function explicitFiles(directory: string, setting: { lookup(name: string): string | undefined }): string[] {
  const separator = setting.lookup('COMPOSE_PATH_SEPARATOR') || ':';
  return (setting.lookup('COMPOSE_FILE') ?? '').split(separator).map((name) => {
    const file = resolve(directory, name);
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat && !stat.isDirectory()) return file;
    throw noProject(
      `COMPOSE_FILE names ${file}, which is ${stat ? 'a folder' : 'not there'}`,
      'correct COMPOSE_FILE, or unset it',
    );
  });
}

function defaultFiles(directory: string): string[] | undefined {
  for (let folder = directory; ; folder = dirname(folder)) {
    const existing = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false }) !== undefined;
    const file = COMPOSE_FILE_NAMES.find(existing);
    if (file) {
      const override = OVERRIDE_FILE_NAMES.find(existing);
      return [file, ...(override ? [override] : [])].map((name) => join(folder, name));
    }
    if (dirname(folder) === folder) return undefined;
  }
}

/**
 * Returns the `.env` beside the compose file, unless `COMPOSE_ENV_FILES` or `COMPOSE_DISABLE_ENV_FILE` is
 * set.
 */
function dotEnvFiles(directory: string, projectDirectory: string, env: NodeJS.ProcessEnv): string[] {
  if (env.COMPOSE_ENV_FILES) return env.COMPOSE_ENV_FILES.split(',').map((file) => resolve(directory, file));
  if (/^(1|t|T|true|TRUE|True)$/.test(env.COMPOSE_DISABLE_ENV_FILE ?? '')) return [];
  const file = join(projectDirectory, '.env');
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === false ? [file] : [];
}

function noProject(message: string, hint: string): UserError {
  return new UserError({ code: 'NO_PROJECT', message, hint, exitCode: ExitCode.projectInvalid });
}

/** Returns `COMPOSE_PROJECT_NAME`, the last file's `name:`, or the folder's name. */
function projectName(directory: string, files: readonly string[], environment: ProjectEnvironment): string {
  const chosen = environment.lookup('COMPOSE_PROJECT_NAME');
  if (chosen) {
    if (normalizeName(chosen) === chosen) return chosen;
    throw invalidName(
      `COMPOSE_PROJECT_NAME is ${JSON.stringify(chosen)}, which Compose refuses as a project name`,
      'use lower-case letters, digits, `-` and `_`, and start with a letter or a digit',
    );
  }
  for (const file of [...files].reverse()) {
    const written = topLevelName(readFileSync(file, 'utf8'));
    if (written === undefined) continue;
    const name = normalizeName(interpolatedName(written, file, environment));
    if (name) return name;
    throw invalidName(
      `\`name: ${written}\` in ${file} gives no project name`,
      'use letters and digits in it',
    );
  }
  const name = normalizeName(basename(directory));
  if (name) return name;
  throw invalidName(
    `the folder ${directory} gives no project name: nothing in it is a letter or a digit that Compose allows`,
    'add `name: …` to the compose file',
  );
}

function invalidName(message: string, hint: string): UserError {
  return new UserError({ code: 'PROJECT_NAME_INVALID', message, hint, exitCode: ExitCode.projectInvalid });
}

function interpolatedName(template: string, file: string, environment: ProjectEnvironment): string {
  try {
    return interpolate(template, environment.lookup).text;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new UserError({
      code: error.code,
      message: `name: ${error.message}`,
      file,
      exitCode: ExitCode.projectInvalid,
      hint: 'set it in .env or in the shell',
    });
  }
}

/**
 * Returns the value of the top-level `name:`. In block style only a key can begin at column 0, so most files
 * need no YAML parser, which would take longer than the rest of a short command.
 */
function topLevelName(text: string): string | undefined {
  const lines = [...text.matchAll(/^(["']?)name\1[ \t]*:(?:[ \t]+(.*?))?[ \t\r]*$/gm)];
  const flowStyle = /^(?:[ \t]*(?:#.*|---.*)?\r?\n)*[ \t\ufeff]*[{?]/.test(text);
  if (!flowStyle && lines.length === 0) return undefined;
  const value = (lines.at(-1)?.[2] ?? '').replace(/(^|[ \t]+)#.*$/, '');
  const quoted = /^(["'])([^"'\\]*)\1$/.exec(value);
  if (!flowStyle && (quoted || /^[\w$][^"'#:{}\\]*(\$\{[^}]*\}[^"'#:{}\\]*)*$/.test(value))) {
    return (quoted?.[2] ?? value) || undefined;
  }
  return parsedName(text);
}

function parsedName(text: string): string | undefined {
  const { parseAllDocuments } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const documents = parseAllDocuments(text, { schema: 'failsafe', logLevel: 'silent', prettyErrors: false });
  const names = [...documents].map((document) => document.contents && document.get('name'));
  const name = names.findLast((one) => typeof one === 'string' && one !== '');
  return typeof name === 'string' ? name : undefined;
}

/**
 * Returns Compose's form of a folder's name: lower case, and only `[a-z0-9_-]`, not starting with `_` or `-`.
 */
export function normalizeName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}
