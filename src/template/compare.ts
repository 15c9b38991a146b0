import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { hasErrorCode, UserError } from '../errors.js';
import { EnvFileError, envStatements } from '../project/env-statements.js';
import { explainFileError } from '../system/files.js';
import { randomSecret } from '../system/random-secret.js';
import { Secret } from '../system/secret.js';
import type { BaseFile } from './base.js';
import { type ScaffoldLock, sha256 } from './lock.js';
import { fillEnvFile, mergeEnvFile, mergeIgnoreFile } from './merge.js';
import type { ScaffoldFile } from './scaffold.js';
import type { FileWrite } from './write.js';

export type FileStatus =
  /** Did not exist. */
  | 'created'
  | 'unchanged'
  /** Differs from the template's file and is left alone. */
  | 'differs'
  /** Differed from the template's file; a copy was kept. */
  | 'replaced'
  /** Got lines that it lacked. */
  | 'updated'
  /** A secret that exists already. */
  | 'kept';

/** A scaffold's file, compared with the disk. */
export interface ComparedFile {
  path: string;
  status: FileStatus;
  /** The necessary write, if there is one. */
  write?: FileWrite;
  /** Keys or lines that an updated file gets. */
  added?: string[];
  /**
   * For a file that differs: whether it was edited since it was written; false: the template or the options
   * changed.
   */
  edited?: boolean;
  /** For a file that differs or is replaced: both texts. */
  texts?: { here: string; template: string };
  /** Why an existing file cannot be used as it is. */
  problem?: string;
}

/** The template's part of a file at the time of the scaffold: what is missing now was removed by a person. */
export type EarlierContent = Pick<BaseFile, 'content'>;

const URL_SAFE_BYTES = { secret: 32, env: 48 };

/**
 * Compares a file without writing.
 * @param replace whether a file that differs will be overwritten.
 * @throws UserError NOT_A_FOLDER, NOT_A_FILE, UNREADABLE, or SYMLINK_OUTSIDE for a file that would be written
 * through a link to a place outside the folder.
 */
export async function compareFile(
  root: string,
  file: ScaffoldFile,
  lock: ScaffoldLock | undefined,
  replace: boolean,
  earlier?: EarlierContent,
): Promise<ComparedFile> {
  const { path } = file;
  const target = join(root, path);
  const create = async (content: FileWrite['content']): Promise<ComparedFile> => ({
    path,
    status: 'created',
    write: { path: await containedPath(root, path), content, mode: file.mode, existing: 'none' },
  });

  if (file.policy === 'secret') {
    const size = await fileSize(target);
    if (size === undefined) return create(randomSecret(URL_SAFE_BYTES.secret));
    return {
      path,
      status: 'kept',
      ...(size === 0 ? { problem: 'empty; remove it, and init makes a new one' } : {}),
    };
  }

  const current = await readIfPresent(target);
  const update = async (content: FileWrite['content'], added: string[]): Promise<ComparedFile> => {
    const real = await containedPath(root, path);
    const { mode } = await stat(real);
    return {
      path,
      status: 'updated',
      added,
      write: { path: real, content, mode: mode & 0o777, existing: 'discard' },
    };
  };

  if (file.policy === 'env') {
    const values = new Map(
      file.generate.map((name) => [name, randomSecret(URL_SAFE_BYTES.env).reveal()] as const),
    );
    const filled = fillEnvFile(file.content, values);
    if (current === undefined) return create(new Secret(filled));
    const existing = current.toString('utf8');
    let defined: Set<string>;
    try {
      defined = new Set(
        [existing, earlier?.content.toString('utf8') ?? ''].flatMap((text) =>
          [...envStatements(text)].map(({ name }) => name),
        ),
      );
    } catch (error) {
      if (!(error instanceof EnvFileError)) throw error;
      return { path, status: 'unchanged', problem: `line ${error.line}: ${error.message}` };
    }
    const merged = mergeEnvFile(filled, existing, defined);
    return merged.added.length > 0
      ? update(new Secret(merged.content), merged.added)
      : { path, status: 'unchanged' };
  }

  if (file.policy === 'append') {
    if (current === undefined) return create(Buffer.from(file.content));
    const merged = mergeIgnoreFile(file.content, current.toString('utf8'), earlier?.content.toString('utf8'));
    return merged.added.length > 0
      ? update(Buffer.from(merged.content), merged.added)
      : { path, status: 'unchanged' };
  }

  if (current === undefined) return create(file.content);
  if (current.equals(file.content)) return { path, status: 'unchanged' };
  const texts = { here: current.toString('utf8'), template: file.content.toString('utf8') };
  if (!replace) return { path, status: 'differs', edited: lock?.files[path] !== sha256(current), texts };
  const real = await containedPath(root, path);
  return {
    path,
    status: 'replaced',
    texts,
    write: { path: real, content: file.content, mode: file.mode, existing: 'copy' },
  };
}

/**
 * Reads a file of the project, undefined if there is none.
 * @throws as {@link compareFile}
 */
export async function readIfPresent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    return absentOr(error, path);
  }
}

async function fileSize(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw notAFile(path);
    return found.size;
  } catch (error) {
    return absentOr(error, path);
  }
}

function absentOr(error: unknown, path: string): undefined {
  if (hasErrorCode(error, 'ENOENT')) return undefined;
  if (hasErrorCode(error, 'EISDIR')) throw notAFile(path);
  if (hasErrorCode(error, 'ELOOP')) throw outside(path);
  if (hasErrorCode(error, 'EACCES', 'EPERM')) {
    throw new UserError({
      code: 'UNREADABLE',
      message: `${path} cannot be read: permission denied`,
      hint: `ls -ld '${dirname(path)}' '${path}'      (mend owner and mode, or run as their owner)`,
      file: path,
      cause: error,
    });
  }
  throw explainFileError(error, path);
}

function notAFile(path: string): UserError {
  return new UserError({
    code: 'NOT_A_FILE',
    message: `${path} is a folder where a file belongs`,
    hint: `look into it, then move it away: mv '${path}' '${path}.old'`,
    file: path,
  });
}

function outside(path: string, target?: string): UserError {
  return new UserError({
    code: 'SYMLINK_OUTSIDE',
    message: `${path} would be written through a symbolic link ${target ? `to ${target}, outside the project` : 'that leads nowhere'}`,
    hint: `look at the link: ls -l '${path}'      (invctl writes only inside the project folder)`,
    file: path,
  });
}

/**
 * Returns the real path of a file in the project, with links resolved.
 * @throws UserError SYMLINK_OUTSIDE
 */
export async function containedPath(root: string, path: string): Promise<string> {
  const realRoot = await realpathIfPresent(root);
  if (realRoot === undefined) return join(root, path);
  const missing: string[] = [];
  for (let at = join(root, path); at !== root; at = dirname(at)) {
    if (await isPresent(at)) {
      const real = await realpathIfPresent(at);
      if (real === undefined) throw outside(at);
      if (!real.startsWith(realRoot + sep)) throw outside(at, real);
      return join(real, ...missing);
    }
    missing.unshift(basename(at));
  }
  return join(realRoot, path);
}

async function isPresent(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    throw explainFileError(error, path);
  }
}

async function realpathIfPresent(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ELOOP')) return undefined;
    throw explainFileError(error, path);
  }
}
