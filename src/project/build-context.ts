import { createHash } from 'node:crypto';
import { createReadStream, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import dockerignore from '@balena/dockerignore';
import { STATE_FOLDER } from '../system/state-folder.js';
import type { ComposeBuild } from './model.js';

/** In bytes. A file up to this size is read at once. */
const SMALL_BYTES = 1_048_576n;
/** Number of small files that are read before other work of the process gets its turn. */
const FILES_A_TURN = 64;
/**
 * In nanoseconds. A change within this time after a reading may have the same time stamp as the content that
 * was read.
 */
const TIME_STAMP_NS = 1_000_000_000n;

interface ContextEntry {
  /** Relative to the context, with `/`. */
  path: string;
  kind: 'file' | 'folder' | 'link' | 'other';
  /** Permission bits. */
  mode: number;
  size: bigint;
  inode: bigint;
  /** The later one of the change times of its content and of its inode, in nanoseconds since 1970. */
  changedNs: bigint;
  /** Target of a link. */
  target?: string;
}

/** The files and settings of a build at the time when they were read. */
export interface BuildContext {
  folder: string;
  entries: readonly ContextEntry[];
  /** The Dockerfile, which the builder gets even if it is outside of the context or excluded. */
  dockerfile?: ContextEntry;
  /** Names and settings of the build itself: the Dockerfile's text, its target, its arguments. */
  definition: string;
  /** Nanoseconds since 1970. */
  readNs: bigint;
}

/**
 * Returns undefined for a context that is not a folder of this machine.
 * @param kept folders that are no source: keptFolders
 */
export function readBuildContext(build: ComposeBuild, kept: readonly string[]): BuildContext | undefined {
  const { context: folder } = build;
  if (!lstatSync(folder, { throwIfNoEntry: false })) return undefined;
  const readNs = BigInt(Date.now()) * 1_000_000n;
  const dockerfile =
    build.dockerfileInline === undefined
      ? describe(folder, relative(folder, dockerfilePath(build)))
      : undefined;
  return {
    folder,
    entries: contextEntries(build, kept),
    ...(dockerfile ? { dockerfile } : {}),
    definition: definitionOf(build),
    readNs,
  };
}

/**
 * Returns a digest of the file system's metadata of the context: with an equal digest, the files need not be
 * read. Undefined if a file was changed so recently that the next change may have the same time stamp.
 */
export function statDigest({ entries, definition, readNs }: BuildContext): string | undefined {
  const hash = createHash('sha256').update(definition);
  for (const { path, kind, mode, size, inode, changedNs, target = '' } of entries) {
    // A folder changes with every file that is written into it, also with files that are not in the context.
    if (kind === 'folder') hash.update(`${path}\0${kind}\0${mode}\0`);
    else {
      if (changedNs > readNs - TIME_STAMP_NS) return undefined;
      hash.update(`${path}\0${kind}\0${mode}\0${size}\0${inode}\0${changedNs}\0${target}\0`);
    }
  }
  return hash.digest('hex');
}

/**
 * Returns a digest of everything that the builder gets: paths, kinds, permissions and contents. Times and
 * owners are left out, as in BuildKit's cache keys.
 */
export async function contentDigest({ folder, entries, definition }: BuildContext): Promise<string> {
  const hash = createHash('sha256').update(definition);
  let turn = 0;
  for (const { path, kind, mode, size, target = '' } of entries) {
    const content = kind === 'file' ? await fileDigest(join(folder, path), size) : target;
    hash.update(`${path}\0${kind}\0${mode}\0${content}\0`);
    turn += 1;
    if (turn % FILES_A_TURN === 0) await setImmediate();
  }
  return hash.digest('hex');
}

/**
 * Returns the file that changed last after a time, in milliseconds since 1970; the folder if only a removal
 * changed it. Undefined if nothing changed.
 */
export function lastChangedFile({ entries, dockerfile }: BuildContext, sinceMs: number): string | undefined {
  const since = BigInt(Math.floor(sinceMs)) * 1_000_000n;
  const changed = [...entries, ...(dockerfile ? [dockerfile] : [])].filter(
    ({ changedNs }) => changedNs > since,
  );
  const files = changed.filter(({ kind }) => kind !== 'folder');
  return latest(files.length > 0 ? files : changed)?.path;
}

function latest(entries: readonly ContextEntry[]): ContextEntry | undefined {
  return entries.reduce<ContextEntry | undefined>(
    (last, entry) => (last && last.changedNs >= entry.changedNs ? last : entry),
    undefined,
  );
}

/** Tells whether a path, relative to the context, is excluded from the build. */
export interface ContextFilter {
  ignores(path: string): boolean;
  /** An excluded folder may contain files that a later `!` line includes again. */
  mayHoldMore(folder: string): boolean;
}

/**
 * Returns what is no source of a build: what its ignore file excludes, the state folder, and the folders that are kept.
 */
export function contextFilter(build: ComposeBuild, kept: readonly string[]): ContextFilter {
  const rules = ignoreRules(build);
  const isKept = (path: string) => {
    const absolute = join(build.context, path);
    return (
      segments(path).includes(STATE_FOLDER) ||
      kept.some((folder) => absolute === folder || absolute.startsWith(folder + sep))
    );
  };
  return {
    ignores: (path) => isKept(path) || rules.ignores(path),
    mayHoldMore: (folder) => !isKept(folder) && rules.mayHoldMore(folder),
  };
}

/** The rules of an ignore file: the one beside the Dockerfile overrides that of the context. */
function ignoreRules(build: ComposeBuild): ContextFilter {
  const own = build.dockerfileInline === undefined ? `${dockerfilePath(build)}.dockerignore` : undefined;
  const file = [...(own ? [own] : []), join(build.context, '.dockerignore')].find((path) => existsSync(path));
  if (file === undefined) return { ignores: () => false, mayHoldMore: () => true };
  const text = readFileSync(file, 'utf8').replace(/^\ufeff/, '');
  const rules = dockerignore.default({ ignorecase: false }).add(text);
  const exceptions = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line.startsWith('!'))
    .map((line) => segments(line.slice(1).trim()));
  return {
    ignores: (path) => rules.ignores(path),
    mayHoldMore: (folder) => exceptions.some((exception) => mayMatchBelow(exception, segments(folder))),
  };
}

/** Absolute path of the Dockerfile, if the build names or implies one. */
export function dockerfilePath({ context, dockerfile = 'Dockerfile' }: ComposeBuild): string {
  return resolve(context, dockerfile);
}

function contextEntries(build: ComposeBuild, kept: readonly string[]): ContextEntry[] {
  const filter = contextFilter(build, kept);
  const entries: ContextEntry[] = [];
  const visit = (folder: string): boolean => {
    let any = false;
    for (const { name } of directoryEntries(join(build.context, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const entry = describe(build.context, path);
      if (!entry) continue;
      const ignored = filter.ignores(path);
      const place = entries.length;
      const within = entry.kind === 'folder' && (!ignored || filter.mayHoldMore(path)) && visit(path);
      // An excluded folder is included together with the files in it that are included again.
      if (ignored && !within) continue;
      entries.splice(place, 0, entry);
      any = true;
    }
    return any;
  };
  visit('');
  return entries;
}

/** Returns nothing for a folder that was removed in the meantime or cannot be read: the build reports it. */
function directoryEntries(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

/** Returns undefined for a file that was removed in the meantime. */
function describe(context: string, path: string): ContextEntry | undefined {
  const absolute = join(context, path);
  const stat = lstatSync(absolute, { bigint: true, throwIfNoEntry: false });
  if (!stat) return undefined;
  const kind = stat.isDirectory()
    ? 'folder'
    : stat.isSymbolicLink()
      ? 'link'
      : stat.isFile()
        ? 'file'
        : 'other';
  return {
    path,
    kind,
    mode: kind === 'link' ? 0 : Number(stat.mode & 0o7777n),
    size: stat.size,
    inode: stat.ino,
    changedNs: stat.ctimeNs > stat.mtimeNs ? stat.ctimeNs : stat.mtimeNs,
    ...(kind === 'link' ? { target: readLink(absolute) } : {}),
  };
}

function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

async function fileDigest(path: string, size: bigint): Promise<string> {
  const hash = createHash('sha256');
  try {
    // A stream for each of many small files would take three times as long.
    if (size <= SMALL_BYTES) hash.update(readFileSync(path));
    else for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch {
    return 'unreadable';
  }
  return hash.digest('hex');
}

function definitionOf(build: ComposeBuild): string {
  const { context, dockerfileInline, target, args } = build;
  const path = dockerfilePath(build);
  const text = dockerfileInline ?? (existsSync(path) ? readFileSync(path, 'utf8') : '');
  const place = dockerfileInline === undefined ? relative(context, path) : 'inline';
  return JSON.stringify([place, text, target ?? '', Object.entries(args).sort()]);
}

function segments(pattern: string): string[] {
  return pattern.split('/').filter((part) => part !== '' && part !== '.');
}

function mayMatchBelow(exception: readonly string[], folder: readonly string[]): boolean {
  for (const [index, name] of folder.entries()) {
    const part = exception[index];
    if (part === undefined || part.includes('**')) return true;
    if (!/[*?[\\]/.test(part) && part !== name) return false;
  }
  return true;
}
