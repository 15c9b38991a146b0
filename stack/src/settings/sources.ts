import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EnvFileError, parseEnvFile } from './env-file.js';

/** A value as found, before it is checked, and words that tell a person where. */
export interface Found {
  readonly value: string;
  readonly source: string;
}

/** Something that keeps a source from being read. The message never has a value in it. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}

/** A place where settings come from. Names are looked up without regard to case. */
export interface Source {
  /** @throws {SourceError} when the value is there but cannot be read. */
  find(alias: string): Found | undefined;
}

/**
 * Variables, and the files that `<NAME>_FILE` variables point to. The first of two names that differ only in
 * case wins.
 */
export function variables(values: Iterable<readonly [string, string | undefined]>, label: string): Source {
  const byName = new Map<string, string>();
  for (const [name, value] of values) {
    const key = name.toLowerCase();
    if (value !== undefined && !byName.has(key)) byName.set(key, value);
  }
  return {
    find(alias) {
      const value = byName.get(alias.toLowerCase());
      const path = byName.get(`${alias.toLowerCase()}_file`);
      if (value !== undefined && path !== undefined) {
        throw new SourceError(`${alias} and ${alias}_FILE are both set in ${label}: keep one`);
      }
      if (path !== undefined)
        return { value: readSecret(path), source: `${path} (${alias}_FILE in ${label})` };
      return value === undefined ? undefined : { value, source: `${alias} in ${label}` };
    },
  };
}

/**
 * The env file at `path`; an empty source if there is none.
 *
 * @throws {SourceError} when the file is there but is not an env file.
 */
export function envFile(path: string): Source {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return variables([], path);
    throw new SourceError(`${path} cannot be read (${errorCode(error)})`);
  }
  try {
    return variables(parseEnvFile(content), path);
  } catch (error) {
    if (error instanceof EnvFileError) throw new SourceError(`${path}: ${error.message}`);
    throw error;
  }
}

/** A folder with one file a secret, as Docker mounts them under `/run/secrets`. */
export function secretFiles(folder: string): Source {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    names = [];
  }
  return {
    find(alias) {
      const name = names.find((candidate) => candidate.toLowerCase() === alias.toLowerCase());
      if (name === undefined) return undefined;
      const path = join(folder, name);
      return { value: readSecret(path), source: path };
    },
  };
}

function readSecret(path: string): string {
  try {
    if (statSync(path).isDirectory()) {
      // Docker makes a folder where the host's file is missing.
      throw new SourceError(`${path} is a folder: the secret's file is missing on the host`);
    }
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(`${path} cannot be read (${errorCode(error)})`);
  }
}

function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT';
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
