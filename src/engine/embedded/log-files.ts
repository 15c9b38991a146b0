import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrorCode } from '../../errors.js';
import { makeStateFolder } from '../../system/state-root.js';
import type { LogEntry, LogOptions } from '../engine.js';

/** In bytes. A larger log is renamed when its service starts; the previously renamed one is removed. */
const ROTATION_BYTES = 10 * 1024 * 1024;
const POLL_MS = 150;

/**
 * Opens a service's log for appending, in a new file if the old one is too large. The caller closes the
 * returned handle.
 */
export async function openLog(folder: string, service: string): Promise<FileHandle> {
  await makeStateFolder(folder, 'private');
  const path = logPath(folder, service);
  const size = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  if (size > ROTATION_BYTES) await rename(path, `${path}.1`);
  return open(path, 'a', 0o600);
}

export async function removeLogs(folder: string, service: string): Promise<void> {
  const path = logPath(folder, service);
  await rm(path, { force: true });
  await rm(`${path}.1`, { force: true });
}

/** Reads a service's log from its beginning and follows it through rotation and truncation. */
export class LogReader {
  readonly service: string;
  readonly #path: string;
  readonly #clock = new LineClock();
  #file: { handle: FileHandle; inode: number } | undefined;
  #offset = 0;
  #rest = Buffer.alloc(0);

  constructor(folder: string, service: string) {
    this.service = service;
    this.#path = logPath(folder, service);
  }

  /** Yields the whole lines that were not read yet. */
  async *read(): AsyncGenerator<LogEntry> {
    if (!this.#file) await this.#open(`${this.#path}.1`);
    yield* this.#drain();
    const inode = await stat(this.#path).then(
      ({ ino }) => ino,
      () => undefined,
    );
    if (inode === undefined || inode === this.#file?.inode) return;
    // The file was replaced. Lines that the old one got between our last read and the rename come first.
    yield* this.#drain();
    yield* this.end();
    await this.close();
    await this.#open(this.#path);
    yield* this.#drain();
  }

  /** Yields the last line if no line feed ends it. */
  *end(): Generator<LogEntry> {
    if (this.#rest.length > 0) yield this.#clock.entry(this.service, this.#rest.toString('utf8'));
    this.#rest = Buffer.alloc(0);
  }

  async close(): Promise<void> {
    await this.#file?.handle.close();
    this.#file = undefined;
    this.#offset = 0;
    this.#rest = Buffer.alloc(0);
  }

  async #open(path: string): Promise<void> {
    try {
      const handle = await open(path, 'r');
      this.#file = { handle, inode: (await handle.stat()).ino };
    } catch (error) {
      if (!hasErrorCode(error, 'ENOENT')) throw error;
    }
  }

  async *#drain(): AsyncGenerator<LogEntry> {
    if (!this.#file) return;
    const { handle } = this.#file;
    if ((await handle.stat()).size < this.#offset) {
      this.#offset = 0;
      this.#rest = Buffer.alloc(0);
    }
    const chunk = Buffer.alloc(64 * 1024);
    for (;;) {
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      this.#rest = Buffer.concat([this.#rest, chunk.subarray(0, bytesRead)]);
      // Split as bytes, not as text: a character may be cut between two reads, a line feed cannot.
      for (let end = this.#rest.indexOf(10); end >= 0; end = this.#rest.indexOf(10)) {
        const line = this.#rest.toString('utf8', 0, end).replace(/\r$/, '');
        this.#rest = this.#rest.subarray(end + 1);
        yield this.#clock.entry(this.service, line);
      }
    }
  }
}

/**
 * Yields the lines of several logs in the order of their times, each log cut to its last lines or to those
 * since a time. With `goesOn` it then yields appended lines for as long as `goesOn` returns that more can
 * come.
 */
export async function* readLogs(
  readers: readonly LogReader[],
  options: Pick<LogOptions, 'tail' | 'since' | 'signal'>,
  goesOn?: () => boolean,
): AsyncGenerator<LogEntry> {
  try {
    yield* mergeByTime(readers.map((reader) => cut(history(reader, goesOn === undefined), options)));
    while (goesOn && !options.signal?.aborted) {
      // Asked before the read: output that a process wrote before it ended is then still read.
      const last = !goesOn();
      for (const reader of readers) yield* reader.read();
      if (last) return;
      await sleep(POLL_MS, undefined, options.signal ? { signal: options.signal } : {}).catch(() => {});
    }
  } finally {
    for (const reader of readers) await reader.close();
  }
}

async function* history(reader: LogReader, whole: boolean): AsyncGenerator<LogEntry> {
  yield* reader.read();
  if (whole) yield* reader.end();
}

async function* cut(
  entries: AsyncIterable<LogEntry>,
  { tail, since }: Pick<LogOptions, 'tail' | 'since'>,
): AsyncGenerator<LogEntry> {
  const start = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  const last: LogEntry[] = [];
  for await (const entry of entries) {
    if (entry.time !== undefined && Date.parse(entry.time) < start) continue;
    if (tail === undefined) {
      yield entry;
      continue;
    }
    last.push(entry);
    if (last.length > tail) last.shift();
  }
  yield* last;
}

async function* mergeByTime(sources: readonly AsyncGenerator<LogEntry>[]): AsyncGenerator<LogEntry> {
  const heads: { entry: LogEntry; source: AsyncGenerator<LogEntry> }[] = [];
  for (const source of sources) {
    const { value, done } = await source.next();
    if (!done) heads.push({ entry: value, source });
  }
  while (heads.length > 0) {
    const first = heads.reduce((best, head) =>
      (head.entry.time ?? '') < (best.entry.time ?? '') ? head : best,
    );
    yield first.entry;
    const { value, done } = await first.source.next();
    if (done) heads.splice(heads.indexOf(first), 1);
    else first.entry = value;
  }
}

/**
 * Takes the time of each line from the line itself: `time` of a JSON line (milliseconds or ISO, as pino
 * writes it), or a time at its start, as PostgreSQL writes it with `log_line_prefix = '%m'`. A line without
 * one, such as the next line of a stack trace, gets the time of the line before it.
 */
class LineClock {
  #last: string | undefined;

  entry(service: string, line: string): LogEntry {
    this.#last = lineTime(line) ?? this.#last;
    return { service, line, ...(this.#last === undefined ? {} : { time: this.#last }) };
  }
}

function lineTime(line: string): string | undefined {
  if (line.startsWith('{')) {
    const match = /"time":(?:(\d{10,16})|"([^"]{10,40})")/.exec(line);
    return match ? isoTime(match[1] === undefined ? (match[2] as string) : Number(match[1])) : undefined;
  }
  const match = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d+)?) ?(UTC|Z|[+-]\d\d:?\d\d)/.exec(line);
  if (!match) return undefined;
  const zone = match[3] === 'UTC' ? 'Z' : match[3];
  return isoTime(`${match[1]}T${(match[2] as string).replace(',', '.')}${zone}`);
}

function isoTime(value: string | number): string | undefined {
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function logPath(folder: string, service: string): string {
  return join(folder, `${service}.log`);
}
