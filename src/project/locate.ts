import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { ExitCode, UserError } from '../errors.js';
import type { RemoteHost } from '../system/ssh/remote-host.js';
import { type SharedLock, STATE_FOLDER } from '../system/state-folder.js';
import { interpolate, TemplateError } from './interpolate.js';
import { type ProjectEnvironment, readEnvironment } from './project-environment.js';

/** Where a project is and what it is called: enough to ask an engine about it. */
export interface ProjectLocation {
  name: string;
  /** Absolute project directory. */
  directory: string;
  /** Absolute compose files in merge order. */
  files: string[];
  /** True when the files are not the default ones, so that an engine must be told of them. */
  explicitFiles: boolean;
  /** Absolute `.env` files of the project environment, a later one over an earlier one, as with `--env-file`. */
  envFiles: string[];
  /** Absolute folder of what invctl keeps for itself: locks, journals. Each environment has one of its own. */
  stateFolder: string;
  /** The environment of `invctl.yaml` that was chosen, where one was. */
  environment?: LocatedEnvironment;
  /** The engine that it lives on, where it is not simply the client's own. */
  host?: LocatedHost;
  /** The lock of the project there. */
  sharedLock?: SharedLock;
}

/** What a project knows of an engine that is not simply the client's own. */
export interface LocatedHost {
  /** The machine, where it is reached by SSH. */
  remote?: RemoteHost;
  /**
   * Name of the folder that it has below the state folder and that of the backups: what invctl knows of a project here
   * says nothing of the one there. Absent where the environment has them for itself.
   */
  stateName?: string;
}

/** What a command knows of the environment that it works in. */
export interface LocatedEnvironment {
  name: string;
  /** Nothing in it is lost without `--confirm`. */
  protected: boolean;
  /** The docker context that it lives on, where it names one. */
  context?: string;
  /** The same as an address. */
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
 * Finds the Compose project of a folder as Compose does: `COMPOSE_FILE` of the shell if set, else a compose file
 * in the folder or the nearest parent that has one, whose `.env` may again set `COMPOSE_FILE`.
 *
 * @param env with the variables of `environment`, where one was chosen
 * @param host the engine that it lives on, where it is not simply the client's own
 * @throws UserError NO_PROJECT, PROJECT_NAME_INVALID, or what is wrong with `.env` (exit 4).
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

/** The files that `COMPOSE_FILE` names; relative ones start at the folder that was asked for. */
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

/** The `.env` beside the compose file, unless `COMPOSE_ENV_FILES` or `COMPOSE_DISABLE_ENV_FILE` say otherwise. */
function dotEnvFiles(directory: string, projectDirectory: string, env: NodeJS.ProcessEnv): string[] {
  if (env.COMPOSE_ENV_FILES) return env.COMPOSE_ENV_FILES.split(',').map((file) => resolve(directory, file));
  if (/^(1|t|T|true|TRUE|True)$/.test(env.COMPOSE_DISABLE_ENV_FILE ?? '')) return [];
  const file = join(projectDirectory, '.env');
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === false ? [file] : [];
}

function noProject(message: string, hint: string): UserError {
  return new UserError({ code: 'NO_PROJECT', message, hint, exitCode: ExitCode.projectInvalid });
}

/** `COMPOSE_PROJECT_NAME`, the last file's `name:`, or the folder's name. */
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
 * The value of the top-level `name:`. In block style a key at column 0 can be nothing else, so most files need no
 * YAML parser, which would cost more than the rest of a short command.
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

/** What Compose makes of a folder's name: lower case, and only `[a-z0-9_-]`, not starting with `_` or `-`. */
export function normalizeName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}
