import type { ProcessRunner } from '../../system/process.js';
import { sha256 } from '../../template/lock.js';
import { inUnixLineEnds } from '../../template/three-way.js';

/** How many versions of a file are searched. */
const MOST_VERSIONS = 200;
const TIME_LIMIT_MS = 10_000;

interface Repository {
  processes: ProcessRunner;
  root: string;
  signal: AbortSignal;
}

/** The committed text of a file that has this SHA-256 with LF line ends; undefined when git has none. */
export async function committedText(
  repository: Repository,
  path: string,
  hash: string,
): Promise<Buffer | undefined> {
  const log = await git(repository, ['log', '--format=%H', `--max-count=${MOST_VERSIONS}`, '--', path]);
  for (const commit of log?.trim().split('\n').filter(Boolean).reverse() ?? []) {
    const text = await git(repository, ['show', `${commit}:./${path}`]);
    const content = text === undefined ? undefined : inUnixLineEnds(Buffer.from(text));
    if (content && sha256(content) === hash) return content;
  }
  return undefined;
}

/** The files with uncommitted changes; empty outside of a work tree. */
export async function uncommitted(repository: Repository, paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return [];
  const status = await git(repository, [
    '--literal-pathspecs',
    'status',
    '--porcelain=v1',
    '-z',
    '--no-renames',
    '--untracked-files=all',
    '--',
    ...paths,
  ]);
  const prefix = (await git(repository, ['rev-parse', '--show-prefix']))?.replace(/\n$/, '') ?? '';
  return (status ?? '')
    .split('\0')
    .filter(Boolean)
    .map((entry) => entry.slice(3))
    .map((path) => (path.startsWith(prefix) ? path.slice(prefix.length) : path));
}

/** Undefined when git is absent or fails: this is not a work tree, or it has no commit yet. */
async function git({ processes, root, signal }: Repository, args: string[]): Promise<string | undefined> {
  try {
    const result = await processes.run('git', args, {
      cwd: root,
      allowFailure: true,
      signal,
      timeoutMs: TIME_LIMIT_MS,
      env: { GIT_OPTIONAL_LOCKS: '0' },
    });
    return result.status === 0 ? result.stdout : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
