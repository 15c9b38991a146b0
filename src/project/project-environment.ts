import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hasErrorCode, type UserError } from '../errors.js';
import { clientVariables } from './client-variables.js';
import { type EnvFile, parseEnvFile } from './env-file.js';
import { EnvFileError, type EnvStatement, envStatements } from './env-statements.js';
import { invalidProject } from './invalid.js';
import type { UnsetVariable, Warn } from './project-notes.js';
import type { Position } from './tree.js';

/** Source of a variable of the project environment. `client`: the docker client passes it to Compose. */
export type VariableOrigin =
  | { kind: 'shell' }
  | { kind: 'dotenv'; at: Position }
  | { kind: 'client' }
  | { kind: 'compose' };

export interface ProjectVariable {
  value: string;
  origin: VariableOrigin;
}

/**
 * The variables for `${…}` in a compose file and bare names in `environment`: those of the shell first, then
 * those of the `.env` file.
 */
export class ProjectEnvironment {
  readonly #variables: Map<string, ProjectVariable>;

  constructor(variables: Iterable<readonly [string, ProjectVariable]>) {
    this.#variables = new Map(variables);
  }

  readonly lookup = (name: string): string | undefined => this.#variables.get(name)?.value;

  variable(name: string): ProjectVariable | undefined {
    return this.#variables.get(name);
  }

  /** Yields each name with its value. */
  *entries(): Generator<[string, string]> {
    for (const [name, { value }] of this.#variables) yield [name, value];
  }

  /** Returns this environment with more names; existing ones are kept. */
  withDefaults(variables: Iterable<readonly [string, ProjectVariable]>): ProjectEnvironment {
    return new ProjectEnvironment([...variables, ...this.#variables]);
  }

  /** Returns this environment with one name set. */
  with(name: string, variable: ProjectVariable): ProjectEnvironment {
    return new ProjectEnvironment([...this.#variables, [name, variable]]);
  }
}

/**
 * Reads the project environment. Variables of the docker client override the shell's, which override those of
 * `.env` files.
 * @param files a later one overrides an earlier one
 * @throws UserError ENV_FILE_SYNTAX, ENV_FILE_MISSING and those of interpolation, with file and line.
 */
export function readEnvironment(
  files: readonly string[],
  env: NodeJS.ProcessEnv,
  warn: Warn,
): ProjectEnvironment {
  const shell = Object.entries(env).flatMap(([name, value]): [string, ProjectVariable][] =>
    value === undefined ? [] : [[name, { value, origin: { kind: 'shell' } }]],
  );
  const client = [...clientVariables(env)].map(([name, value]): [string, ProjectVariable] => [
    name,
    { value, origin: { kind: 'client' } },
  ]);
  const environment = new ProjectEnvironment([...shell, ...client]);
  return environment.withDefaults(readDotEnvFiles(files, environment, warn));
}

/**
 * Reads the variables of `.env` files; later files override earlier ones. Interpolation in them uses the
 * environment first.
 * @throws UserError ENV_FILE_MISSING, ENV_FILE_SYNTAX
 */
export function readDotEnvFiles(
  files: readonly string[],
  environment: ProjectEnvironment,
  warn: Warn,
): Map<string, ProjectVariable> {
  const variables = new Map<string, ProjectVariable>();
  for (const file of files) {
    const lookup = (name: string) => environment.lookup(name) ?? variables.get(name)?.value;
    const { entries, unset } = readEnvFile(file, lookup);
    for (const { name, line, endLine } of unset)
      warnOfUnset(warn, { name, file, lines: { first: line, last: endLine } });
    for (const { name, value, line } of entries) {
      if (name === '') throw namelessVariable({ file, line });
      if (value.includes('\0')) throw valueWithNull(name, { file, line });
      variables.set(name, { value, origin: { kind: 'dotenv', at: { file, line } } });
    }
  }
  return variables;
}

/**
 * Makes the error for a variable without a name. Compose passes one to a container, but cannot take it into
 * its own environment. It comes from a line like `=value`, or from text after a closing quote: `NAME="a"=b`.
 */
function namelessVariable(at: Position): UserError {
  return invalidProject('ENV_FILE_SYNTAX', 'a value without a name', at, 'write NAME=value, one a line');
}

/** Makes the error for a value with a NUL byte: Compose sets it in its own environment, which cannot hold one. */
function valueWithNull(name: string, at: Position): UserError {
  return invalidProject(
    'ENV_FILE_SYNTAX',
    `the value of ${name} holds a NUL byte`,
    at,
    'save the file as UTF-8; what has no text form belongs into a secret file',
  );
}

/**
 * Returns the example beside an env file, by the usual names: `.env.example`, `env.sample`, `example.env`.
 * @param used env files that the project reads: they are not examples, whatever their names.
 */
export function exampleOf(file: string, used: ReadonlySet<string> = new Set()): string | undefined {
  const name = basename(file);
  const plainName = name.replace(/^\./, '');
  return [
    ...EXAMPLE_WORDS.map((word) => `${name}.${word}`),
    ...EXAMPLE_WORDS.map((word) => `${plainName}.${word}`),
    ...EXAMPLE_WORDS.map((word) => `${word}.${plainName}`),
  ]
    .map((example) => join(dirname(file), example))
    .find((path) => !used.has(path) && existsSync(path));
}

const EXAMPLE_WORDS = ['example', 'sample', 'template', 'dist'];

function howToMake(file: string): string {
  const example = exampleOf(file);
  if (example === undefined) return `create ${file}, or set \`required: false\` on its entry`;
  const copy = `cp '${example}' '${file}'`;
  return example === `${file}.example`
    ? `invctl init      (makes it from ${basename(example)}, keys generated)\nor, where init did not write the project: ${copy}`
    : copy;
}

/**
 * Reads one env file from the disk.
 * @throws UserError ENV_FILE_MISSING, ENV_FILE_SYNTAX, INTERPOLATION_SYNTAX, VARIABLE_REQUIRED, with file and
 * line.
 */
export function readEnvFile(
  file: string,
  lookup: (name: string) => string | undefined,
  askedBy?: Position,
): EnvFile {
  return readWith(file, (text) => parseEnvFile(text, lookup), askedBy);
}

/**
 * Returns the statements of an env file with `${…}` unresolved.
 * @throws UserError ENV_FILE_MISSING, ENV_FILE_SYNTAX
 */
export function readEnvStatements(file: string): EnvStatement[] {
  return readWith(file, (text) => [...envStatements(text)]);
}

function readWith<T>(file: string, parse: (text: string) => T, askedBy?: Position): T {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const missing = hasErrorCode(error, 'ENOENT', 'ENOTDIR');
    const reason = missing
      ? 'is not there'
      : hasErrorCode(error, 'EISDIR')
        ? 'is a folder'
        : 'cannot be read';
    throw invalidProject(
      missing ? 'ENV_FILE_MISSING' : 'ENV_FILE_UNREADABLE',
      `the env file ${file} ${reason}`,
      askedBy ?? { file, line: 1 },
      missing ? howToMake(file) : undefined,
    );
  }
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof EnvFileError)) throw error;
    throw invalidProject(
      error.code,
      error.message,
      { file, line: error.line },
      'write NAME=value, one a line',
    );
  }
}

/** Compose's own warning for a variable that is not set. */
export function warnOfUnset(warn: Warn, unset: UnsetVariable): void {
  warn(`the variable ${unset.name} is not set: it becomes an empty string`, unset);
}
