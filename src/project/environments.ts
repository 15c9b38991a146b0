import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { ExitCode, UserError, usageError } from '../errors.js';
import { shellWord } from '../system/argv.js';
import { type LocatedEnvironment, locateProject, normalizeName } from './locate.js';
import { nearest } from './nearest.js';
import { exampleOf } from './project-environment.js';
import { invalidSettings, lineIn } from './settings-document.js';
import { ENVIRONMENT_NAME, type EnvironmentSettings, readSettings } from './settings-file.js';
import { SETTINGS_FILE } from './settings-path.js';

/** The environment that the command line chose. */
export interface ChosenEnvironment extends LocatedEnvironment {
  /** Its settings as variables of Compose and of the docker client, which override the shell's. */
  variables: Record<string, string>;
}

/**
 * Possible separators between paths: the first is Compose's default, the others are for paths that contain
 * it.
 */
const SEPARATORS = [':', ';', '|', '\n'];

/**
 * Returns an environment that a project's `invctl.yaml` declares, as Compose's own variables: a program that
 * runs with these works in the environment, on each engine.
 * @throws UserError USAGE for an undeclared one, or if a variable of the shell contradicts it (exit 2);
 * CONFIG_INVALID, ENVIRONMENT_FILE_MISSING (exit 4)
 */
export async function chooseEnvironment(
  directory: string,
  env: NodeJS.ProcessEnv,
  name: string,
): Promise<ChosenEnvironment> {
  const root = projectFolder(directory, env);
  const { environments } = await readSettings({ directory: root });
  const settings = Object.hasOwn(environments, name) ? environments[name] : undefined;
  if (!settings) throw unknownEnvironment(name, Object.keys(environments));
  const place: Place = { root, name, settings, env };
  assertFiles(place);
  const variables = variablesOf(place);
  const project = variables.COMPOSE_PROJECT_NAME as string;
  for (const [other, declared] of Object.entries(environments)) {
    if (other === name || declared.context !== settings.context || declared.host !== settings.host) continue;
    if (projectOf({ root, name: other, settings: declared, env }) !== project) continue;
    throw invalidEnvironment(place, `it is the project ${project}, and so is environments.${other}`);
  }
  for (const [variable, value] of Object.entries(variables)) assertNotSet(place, variable, value);
  if (settings.context !== undefined) assertNotSet(place, 'DOCKER_HOST', undefined);
  if (settings.host !== undefined) {
    assertNotSet(place, 'DOCKER_HOST', settings.host);
    assertNotSet(place, 'DOCKER_CONTEXT', undefined);
  }
  return {
    name,
    protected: settings.protected,
    ...(settings.context === undefined ? {} : { context: settings.context }),
    ...(settings.host === undefined ? {} : { host: settings.host }),
    variables: { ...variables, INVCTL_ENVIRONMENT: name },
  };
}

/**
 * Refuses to use the project without an environment if it equals one: its data would be reached without the
 * environment's protection.
 * @throws UserError ENVIRONMENT_NEEDED (exit 2)
 */
export async function assertNoEnvironmentNeeded(directory: string, env: NodeJS.ProcessEnv): Promise<void> {
  const root = projectFolder(directory, env);
  const { environments } = await readSettings({ directory: root });
  const own = nameOf(root, env);
  for (const [name, settings] of Object.entries(environments)) {
    if (settings.project !== own || (settings.context ?? env.DOCKER_CONTEXT) !== env.DOCKER_CONTEXT) continue;
    if ((settings.host ?? env.DOCKER_HOST) !== env.DOCKER_HOST) continue;
    throw new UserError({
      code: 'ENVIRONMENT_NEEDED',
      message: `the project ${own} is the environment "${name}"`,
      hint: `invctl --environment ${name} …      (or: export INVCTL_ENVIRONMENT=${name})`,
      exitCode: ExitCode.usage,
    });
  }
}

interface Place {
  /** Folder of invctl.yaml. */
  root: string;
  name: string;
  settings: EnvironmentSettings;
  env: NodeJS.ProcessEnv;
}

/** Folder of the project without an environment; the given folder if it is unknown. */
function projectFolder(directory: string, env: NodeJS.ProcessEnv): string {
  try {
    return locateProject(directory, env).directory;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    for (let folder = directory; ; folder = dirname(folder)) {
      if (existsSync(join(folder, SETTINGS_FILE))) return folder;
      if (dirname(folder) === folder) return directory;
    }
  }
}

function variablesOf(place: Place): Record<string, string> {
  const { settings } = place;
  return {
    ...fileVariables(place),
    COMPOSE_PROJECT_NAME: projectOf(place),
    ...(settings.context === undefined ? {} : { DOCKER_CONTEXT: settings.context }),
  };
}

function fileVariables({ root, settings }: Place): Record<string, string> {
  const files = settings.files?.map((file) => resolve(root, file));
  const separator = SEPARATORS.find((sign) => !files?.some((file) => file.includes(sign))) as string;
  const envFiles = envFilesOf(settings).map((file) => resolve(root, file));
  return {
    ...(files ? { COMPOSE_FILE: files.join(separator), COMPOSE_PATH_SEPARATOR: separator } : {}),
    ...(envFiles.length > 0 ? { COMPOSE_ENV_FILES: envFiles.join(',') } : {}),
  };
}

function envFilesOf({ envFile = [] }: EnvironmentSettings): string[] {
  return typeof envFile === 'string' ? [envFile] : envFile;
}

/**
 * Returns the name in invctl.yaml or in the environment's own files; otherwise the project's name joined with
 * the environment's.
 */
function projectOf(place: Place): string {
  const { root, name, settings, env } = place;
  if (settings.project !== undefined) return settings.project;
  const own = { ...env, ...fileVariables(place) };
  const written = nameOf(root, { ...own, COMPOSE_PROJECT_NAME: '' });
  const set = nameOf(root, { ...own, COMPOSE_PROJECT_NAME: undefined });
  if (settings.envFile !== undefined && set !== undefined && set !== written) return set;
  const common = nameOf(root, { ...env, COMPOSE_PROJECT_NAME: '' });
  if (common !== undefined && written !== undefined && written !== common) return written;
  const shared = nameOf(root, { ...env, COMPOSE_PROJECT_NAME: undefined }) ?? written;
  return `${shared ?? (normalizeName(basename(root)) || 'project')}-${name}`;
}

/** Returns undefined if the files give none; the next reader of the files reports their errors. */
function nameOf(root: string, env: NodeJS.ProcessEnv): string | undefined {
  try {
    return locateProject(root, env).name;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function assertFiles(place: Place): void {
  const { root, name, settings } = place;
  const [first] = settings.files ?? [];
  if (first !== undefined && dirname(resolve(root, first)) !== root) {
    throw invalidEnvironment(
      place,
      `${first} is in another folder, and the first file decides the project's`,
      'files',
    );
  }
  for (const file of settings.files ?? []) {
    if (isFile(resolve(root, file))) continue;
    throw missingFile(
      place,
      'files',
      file,
      file === overlayOf(name) ? `invctl init --environment ${name}` : undefined,
    );
  }
  for (const file of envFilesOf(settings)) {
    if (file.includes(',')) throw invalidEnvironment(place, 'Compose takes no comma in a path', 'envFile');
    const path = resolve(root, file);
    if (isFile(path)) continue;
    throw missingFile(place, 'envFile', file, howToMake(place, path));
  }
}

/**
 * `init` can make the files of its own environments again, with generated keys; for others there may be an
 * example.
 */
function howToMake({ name, settings }: Place, envFile: string): string | undefined {
  if (settings.files?.includes(overlayOf(name))) return `invctl init --environment ${name}`;
  const example = exampleOf(envFile);
  return example && `cp ${shellWord(example)} ${shellWord(envFile)}      (then fill it in)`;
}

/** The file that `init --environment` merges over the compose file. */
function overlayOf(name: string): string {
  return `compose.${name}.yaml`;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
}

/**
 * Refuses a variable of the shell that contradicts the environment, because it is unknown which one is meant.
 * An equal value is accepted.
 */
function assertNotSet({ name, env }: Place, variable: string, value: string | undefined): void {
  if (variable === 'COMPOSE_PATH_SEPARATOR' || !env[variable] || env[variable] === value) return;
  throw usageError(
    `${variable} is set in this shell, and the environment "${name}" says otherwise`,
    `unset ${variable}      (or leave --environment and INVCTL_ENVIRONMENT away)`,
  );
}

function unknownEnvironment(name: string, known: readonly string[]): UserError {
  if (known.length === 0) {
    return usageError(
      `there is no environment "${name}": ${SETTINGS_FILE} declares none`,
      `invctl init --environment ${ENVIRONMENT_NAME.test(name) ? name : 'production'}`,
    );
  }
  const near = nearest(name, known);
  return usageError(
    `there is no environment "${name}"; ${SETTINGS_FILE} declares ${known.join(', ')}`,
    near ? `did you mean ${near}?` : `invctl --environment ${known[0]} …`,
  );
}

function invalidEnvironment({ root, name }: Place, problem: string, ...below: string[]): UserError {
  const file = join(root, SETTINGS_FILE);
  const path = ['environments', name, ...below];
  return invalidSettings(file, `${path.join('.')}: ${problem}`, lineIn(file, path));
}

function missingFile(
  place: Place,
  key: 'files' | 'envFile',
  named: string,
  remedy: string | undefined,
): UserError {
  const file = join(place.root, SETTINGS_FILE);
  const line = lineIn(file, ['environments', place.name, key]);
  return new UserError({
    code: 'ENVIRONMENT_FILE_MISSING',
    message: `the environment "${place.name}" names ${named}, which is ${existsSync(resolve(place.root, named)) ? 'a folder' : 'not there'}`,
    hint: remedy ?? `write it, or mend environments.${place.name}.${key} in ${file}`,
    exitCode: ExitCode.projectInvalid,
    file,
    ...(line === undefined ? {} : { line }),
  });
}
