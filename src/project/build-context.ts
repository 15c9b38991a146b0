import { createHash } from 'node:crypto';
import { createReadStream, existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import dockerignore from '@balena/dockerignore';
import type { ComposeBuild } from './model.js';

/** A file up to this size is read in one go. */
const SMALL_BYTES = 1_048_576n;
/** Small files that are read before others have their turn. */
const FILES_A_TURN = 64;
/** A change within this time of a reading may have the time stamp of what was read, in nanoseconds. */
const TIME_STAMP_NS = 1_000_000_000n;

interface ContextEntry {
  /** Relative to the context, with `/`. */
  path: string;
  kind: 'file' | 'folder' | 'link' | 'other';
  /** Permission bits. */
  mode: number;
  size: bigint;
  inode: bigint;
  /** The later one of the times of its content and of its inode, in nanoseconds since 1970. */
  changedNs: bigint;
  /** Of a link. */
  target?: string;
}

/** What a build is made of, as it was when it was read. */
export interface BuildContext {
  folder: string;
  entries: readonly ContextEntry[];
  /** Names and settings of the build itself: the Dockerfile's text, its target, its arguments. */
  definition: string;
  /** Nanoseconds since 1970. */
  readNs: bigint;
}

/** Undefined for a context that is no folder of this machine. */
export function readBuildContext(build: ComposeBuild): BuildContext | undefined {
  const { context: folder } = build;
  if (!lstatSync(folder, { throwIfNoEntry: false })) return undefined;
  const readNs = BigInt(Date.now()) * 1_000_000n;
  return { folder, entries: contextEntries(build), definition: definitionOf(build), readNs };
}

/**
 * A digest of the context by what the file system says of its files: equal ones need no reading. Undefined where a file
 * was changed so short a time ago that the next change may look the same.
 */
export function statDigest({ entries, definition, readNs }: BuildContext): string | undefined {
  const hash = createHash('sha256').update(definition);
  for (const { path, kind, mode, size, inode, changedNs, target = '' } of entries) {
    // A folder changes with whatever is written into it, also with what does not enter.
    if (kind === 'folder') hash.update(`${path}\0${kind}\0${mode}\0`);
    else {
      if (changedNs > readNs - TIME_STAMP_NS) return undefined;
      hash.update(`${path}\0${kind}\0${mode}\0${size}\0${inode}\0${changedNs}\0${target}\0`);
    }
  }
  return hash.digest('hex');
}

/**
 * A digest of all that the builder gets: paths, kinds, permissions and contents. Times and owners are no part of it, as
 * they are none of BuildKit's cache keys.
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
 * The file that changed last after a time, in milliseconds since 1970; the folder, where only something in it is gone.
 * Undefined where nothing changed.
 */
export function lastChangedFile({ entries }: BuildContext, sinceMs: number): string | undefined {
  const since = BigInt(Math.floor(sinceMs)) * 1_000_000n;
  const changed = entries.filter(({ changedNs }) => changedNs > since);
  const files = changed.filter(({ kind }) => kind !== 'folder');
  return latest(files.length > 0 ? files : changed)?.path;
}

function latest(entries: readonly ContextEntry[]): ContextEntry | undefined {
  return entries.reduce<ContextEntry | undefined>(
    (last, entry) => (last && last.changedNs >= entry.changedNs ? last : entry),
    undefined,
  );
}

/** Says of a path, relative to the context, whether it is kept from the builder. */
export interface ContextFilter {
  ignores(path: string): boolean;
  /** A folder that is ignored itself may hold what a later `!` line takes back. */
  mayHoldMore(folder: string): boolean;
}

/** The rules of the ignore file that holds for a build: the one beside its Dockerfile before that of the context. */
export function contextFilter(build: ComposeBuild): ContextFilter {
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

/** Absolute path of the Dockerfile of a build that names or implies one. */
export function dockerfilePath({ context, dockerfile = 'Dockerfile' }: ComposeBuild): string {
  return resolve(context, dockerfile);
}

function contextEntries(build: ComposeBuild): ContextEntry[] {
  const filter = contextFilter(build);
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
      // A folder that is ignored comes along with what is taken back of it.
      if (ignored && !within) continue;
      entries.splice(place, 0, entry);
      any = true;
    }
    return any;
  };
  visit('');
  return entries;
}

/** None for a folder that goes away meanwhile or may not be read: the build tells of it. */
function directoryEntries(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    return [];
  }
}

/** Undefined for what goes away meanwhile. */
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

/** The Dockerfile is sent to the builder also where it lies elsewhere, or is ignored. */
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
