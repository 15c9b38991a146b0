import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { ExitCode, UserError } from '../errors.js';

/** Where a project is and what it is called: enough to ask an engine about it. */
export interface ProjectLocation {
  name: string;
  /** Absolute project directory. */
  directory: string;
  /** Absolute compose files in merge order. */
  files: string[];
  /** True when the files are not the default ones, so that an engine must be told of them. */
  explicitFiles: boolean;
}

// The names, their order and the search through parent folders are those of compose-go's cli package.
export const COMPOSE_FILE_NAMES = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yml',
  'docker-compose.yaml',
];
const OVERRIDE_NAMES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/**
 * Finds the Compose project of a folder: `COMPOSE_FILE` if set, else a compose file in the folder or the nearest
 * parent that has one.
 *
 * @throws UserError NO_PROJECT (exit 4) where there is none.
 */
export function locateProject(directory: string, env: NodeJS.ProcessEnv): ProjectLocation {
  if (!existsSync(directory)) {
    throw noProject(`there is no folder ${directory}`, `invctl init ${directory}`);
  }
  if (!statSync(directory).isDirectory()) {
    throw noProject(`${directory} is not a folder`, 'name the project folder with -C');
  }
  const dotEnv = readComposeVariables(join(directory, '.env'));
  const setting = (name: string) => env[name] || dotEnv[name] || undefined;

  const composeFile = setting('COMPOSE_FILE');
  if (composeFile) {
    const separator = setting('COMPOSE_PATH_SEPARATOR') ?? ':';
    const files = composeFile
      .split(separator)
      .map((file) => (isAbsolute(file) ? file : resolve(directory, file)));
    const missing = files.find((file) => !existsSync(file));
    if (missing) throw noProject(`COMPOSE_FILE names ${missing}, which is not there`, 'unset COMPOSE_FILE');
    const projectDirectory = dirname(files[0] as string);
    return {
      name: projectName(projectDirectory, files, setting('COMPOSE_PROJECT_NAME')),
      directory: projectDirectory,
      files,
      explicitFiles: true,
    };
  }

  for (let folder = directory; ; folder = dirname(folder)) {
    const file = COMPOSE_FILE_NAMES.map((name) => join(folder, name)).find((path) => existsSync(path));
    if (file) {
      const override = OVERRIDE_NAMES.map((name) => join(folder, name)).find((path) => existsSync(path));
      const files = override ? [file, override] : [file];
      return {
        name: projectName(folder, files, setting('COMPOSE_PROJECT_NAME')),
        directory: folder,
        files,
        explicitFiles: false,
      };
    }
    if (dirname(folder) === folder) break;
  }
  throw noProject(
    `no compose file in ${directory} or a folder above it`,
    'invctl init      (or name the project folder with -C)',
  );
}

function noProject(message: string, hint: string): UserError {
  return new UserError({ code: 'NO_PROJECT', message, hint, exitCode: ExitCode.projectInvalid });
}

function projectName(directory: string, files: readonly string[], override: string | undefined): string {
  if (override) return override;
  for (const file of [...files].reverse()) {
    const name = topLevelName(readFileSync(file, 'utf8'));
    if (name) return name;
  }
  return normalizeName(basename(directory));
}

/**
 * The value of the top-level `name:`, read without a YAML parser: a key at column 0 can be nothing else in block
 * style. An interpolated or quoted name is unwrapped as far as a literal goes.
 */
function topLevelName(text: string): string | undefined {
  const match = /^name:[ \t]*(?:"([^"\n]*)"|'([^'\n]*)'|([^#\n]*?))[ \t]*(?:#.*)?\r?$/m.exec(text);
  return (match?.[1] ?? match?.[2] ?? match?.[3])?.trim() || undefined;
}

/** What Compose makes of a folder's name: lower case, and only `[a-z0-9_-]`, not starting with `_` or `-`. */
export function normalizeName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}

function readComposeVariables(file: string): Record<string, string> {
  if (!existsSync(file) || !statSync(file).isFile()) return {};
  const found: Record<string, string> = {};
  for (const match of readFileSync(file, 'utf8').matchAll(/^(?:export[ \t]+)?(COMPOSE_[A-Z_]+)=(.*)$/gm)) {
    found[match[1] as string] = (match[2] as string).trim().replace(/^(["'])(.*)\1$/, '$2');
  }
  return found;
}
