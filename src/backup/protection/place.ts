import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import { type Ancestor, parseHistory, parseLsn, parseSegment, type SegmentName } from '../../postgres/wal.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { ProjectSettings } from '../../project/settings-file.js';
import { shellWord } from '../../system/argv.js';
import { explainFileError, explainReadError, syncFolder, writeFileAtomic } from '../../system/files.js';
import { backupFolder } from '../backup-folder.js';
import type { Base, Catalogue, Segment, SegmentRun } from './catalogue.js';
import type { Unneeded } from './retention.js';
import { findStored, type Opener, readStored, type StoredFile, unpackedName } from './stored-file.js';

/** Folder of the protection, inside that of the backups. */
export const PROTECTION_FOLDER = 'protection';
/** The mark of a base that is whole. */
const BASE_MARK = 'base.json';
const BASE_ID = /^\d{8}T\d{6}Z$/;
const RUN_NAME = /^[0-9A-F]{8}-\d{4}$/;
const LSN = /^[0-9A-F]+\/[0-9A-F]+$/;
const HISTORY = /^([0-9A-F]{8})\.history$/;

/** Absolute folder of the project's bases and WAL. */
export function protectionPlace(location: ProjectLocation, settings: ProjectSettings): string {
  return join(backupFolder(location, settings), PROTECTION_FOLDER);
}

/** invctl's record of the protected server. */
export const recordSchema = z.object({
  systemIdentifier: z.string(),
  /** The server's `wal_segment_size` in bytes. */
  segmentBytes: z.int(),
  /** Path in its container, or on this machine. */
  dataDirectory: z.string(),
  /** The compose file with the receiver's service, and that service's name. */
  file: z.string(),
  service: z.string(),
  /** The earlier value of `max_slot_wal_keep_size`; null: it was not changed. */
  slotLimitBefore: z.string().nullable(),
  /** True: invctl switched `summarize_wal` on for incremental bases. */
  summaries: z.boolean().default(false),
  /** Identifier of the server that an upgrade replaced by this one; absent: it is the first one here. */
  after: z.string().exactOptional(),
  /** The server's major, and its image where it has one; absent in the record of an earlier invctl. */
  major: z.int().exactOptional(),
  image: z.string().exactOptional(),
});

export type ProtectionRecord = z.infer<typeof recordSchema>;

const baseSchema = z.object({
  id: z.string(),
  startedAt: z.number(),
  endedAt: z.number(),
  timeline: z.int(),
  startLsn: z.string().regex(LSN),
  endLsn: z.string().regex(LSN),
  parent: z.string().optional(),
});

/** The receiver's last note. */
export interface ReceiverNote {
  state: 'receiving' | 'waiting' | 'refused';
  at: Date;
  /** All commits until then are stored here; absent: none is yet. */
  covered?: Date;
  /** End of the WAL that is stored here on the disk, and the server's timeline. */
  lsn?: string;
  timeline?: number;
  /** The run that it writes. */
  run?: string;
  /**
   * Seconds between two bases, and seconds for which every moment can be restored; absent with an older
   * receiver.
   */
  everySeconds?: number;
  keepSeconds?: number;
  /** Why it waits or refuses. */
  message: string;
}

/**
 * Returns undefined if nothing was ever protected here.
 * @throws UserError PROTECTION_DAMAGED (exit 8) for a record that was cut or edited; NOT_READABLE
 */
export async function readRecord(place: string): Promise<ProtectionRecord | undefined> {
  const file = join(place, 'protection.json');
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    const aside = [file, `${file}.damaged`].map(shellWord).join(' ');
    throw new UserError({
      code: 'PROTECTION_DAMAGED',
      message: `${file} was cut or edited, and does not say which server is protected`,
      hint: `mv ${aside} && invctl db protect on      (base backups and WAL beside it stay)`,
      exitCode: ExitCode.dataUnverified,
      file,
      cause,
    });
  }
}

/** Writes the record, and the files that the receiver reads. */
export async function writeRecord(place: string, record: ProtectionRecord): Promise<void> {
  await writeFileAtomic(join(place, 'system'), `${record.systemIdentifier}\n${record.segmentBytes}\n`, 0o600);
  await writeFileAtomic(join(place, 'protection.json'), `${JSON.stringify(record, null, 2)}\n`, 0o600);
}

export async function readReceiverNote(place: string): Promise<ReceiverNote | undefined> {
  const text = await readIfThere(join(place, 'state', 'now'));
  return text === undefined ? undefined : parseReceiverNote(text);
}

/** @param text in the receiver's format. */
export function parseReceiverNote(text: string): ReceiverNote {
  const values = new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
  const covered = Number(values.get('covered') ?? 0);
  const [lsn, run] = [values.get('lsn'), values.get('run')];
  const timeline = Number(values.get('timeline') ?? 0);
  const [every, keep] = [Number(values.get('every') ?? 0), Number(values.get('keep') ?? 0)];
  return {
    state: values.get('state') as ReceiverNote['state'],
    at: new Date(Number(values.get('at')) * 1000),
    ...(covered > 0 ? { covered: new Date(covered * 1000) } : {}),
    ...(lsn ? { lsn } : {}),
    ...(timeline > 0 ? { timeline } : {}),
    ...(run ? { run } : {}),
    ...(every > 0 ? { everySeconds: every } : {}),
    ...(keep > 0 ? { keepSeconds: keep } : {}),
    message: values.get('message') ?? '',
  };
}

/** Why the last base failed; undefined: it succeeded. */
export async function baseFailure(place: string): Promise<string | undefined> {
  return (await readIfThere(join(place, 'state', 'base-failed')))?.trim();
}

/**
 * Reads everything in the place: each folder is listed once. Files that are cut off or still being written are
 * left out.
 */
export async function readCatalogue(place: string, { segmentBytes }: ProtectionRecord): Promise<Catalogue> {
  const [{ bases, unreadable }, { runs, beside }, note, live] = await Promise.all([
    readBases(place),
    readRuns(place, segmentBytes),
    readReceiverNote(place),
    readLive(place),
  ]);
  const histories = await readHistories(place, beside);
  return { segmentBytes, bases, unreadable, runs, histories, live, ...endOf(note, live) };
}

/** How far the receiver had come; a position is one of its timeline alone, and may be higher than those of the next. */
export function endOf(
  note: ReceiverNote | undefined,
  live: Catalogue['live'],
): Pick<Catalogue, 'covered' | 'end'> {
  const same = note?.timeline === live.at(-1)?.timeline;
  return {
    ...(note?.covered ? { covered: note.covered } : {}),
    ...(note?.lsn && same ? { end: parseLsn(note.lsn) } : {}),
  };
}

/** @param wanted by a base's id; the others are not looked at. */
export async function readBases(
  place: string,
  wanted: (id: string) => boolean = () => true,
): Promise<Pick<Catalogue, 'bases' | 'unreadable'>> {
  const ids = (await namesIn(join(place, 'bases')))
    .filter((name) => BASE_ID.test(name) && wanted(name))
    .sort();
  const unreadable: string[] = [];
  const bases = await Promise.all(
    ids.map(async (id): Promise<Base[]> => {
      const folder = join(place, 'bases', id);
      const files = await namesIn(folder);
      const mark = join(folder, BASE_MARK);
      const text = files.includes(BASE_MARK) ? await readIfThere(mark) : undefined;
      if (text === undefined) return [];
      const sizes = await Promise.all(files.map((name) => stat(join(folder, name)).catch(() => undefined)));
      const base = baseOf(text, { folder, bytes: sizes.reduce((sum, one) => sum + (one?.size ?? 0), 0) });
      if (!base) unreadable.push(mark);
      return base ? [base] : [];
    }),
  );
  return { bases: bases.flat(), unreadable };
}

/**
 * @param text content of `base.json`.
 * @returns undefined if it is not what the receiver writes, as after a disk's error.
 */
export function baseOf(text: string, { folder, bytes }: Pick<Base, 'folder' | 'bytes'>): Base | undefined {
  const parsed = baseSchema.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { id, startLsn, endLsn, startedAt, endedAt, timeline, parent } = parsed.data;
  return {
    id,
    folder,
    timeline,
    startLsn: parseLsn(startLsn),
    endLsn: parseLsn(endLsn),
    startedAt: new Date(startedAt * 1000),
    endedAt: new Date(endedAt * 1000),
    bytes,
    ...(parent === undefined ? {} : { parent }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A file in the folder of a run that is no segment: hashes, or the history of its timeline. */
export interface FileOfRun {
  run: string;
  file: string;
}

/**
 * Lists the folder of each run once.
 * @param wanted the other segments are not looked at, and left out.
 */
export async function readRuns(
  place: string,
  segmentBytes: number,
  wanted: (segment: SegmentName & { run: string }) => boolean = () => true,
): Promise<{ runs: SegmentRun[]; beside: FileOfRun[] }> {
  const found = (await namesIn(join(place, 'wal'))).filter((name) => RUN_NAME.test(name)).sort();
  const beside: FileOfRun[] = [];
  const runs = await Promise.all(
    found.map(async (run): Promise<SegmentRun> => {
      const folder = join(place, 'wal', run);
      const segments = await Promise.all(
        (await namesIn(folder)).map(async (file): Promise<Segment[]> => {
          const parsed = parseSegment(unpackedName(file), segmentBytes);
          if (!parsed) beside.push({ run, file });
          if (!parsed || !wanted({ ...parsed, run })) return [];
          const about = await stat(join(folder, file)).catch(() => undefined);
          // It was renamed in the meantime: the next reading finds it.
          return about ? [{ ...parsed, run, file, bytes: about.size, changedAt: about.mtime }] : [];
        }),
      );
      return { name: run, timeline: Number.parseInt(run.slice(0, 8), 16), segments: segments.flat() };
    }),
  );
  return { runs, beside };
}

async function readHistories(place: string, beside: readonly FileOfRun[]): Promise<Map<number, Ancestor[]>> {
  const histories = new Map<number, Ancestor[]>();
  for (const { run, file } of beside) {
    const [, timeline] = HISTORY.exec(file) ?? [];
    if (timeline === undefined) continue;
    const text = await readIfThere(join(place, 'wal', run, file));
    if (text !== undefined) histories.set(Number.parseInt(timeline, 16), parseHistory(text));
  }
  return histories;
}

/**
 * Removes bases and WAL. Of a base, the mark is removed first: from then on it is not a base.
 * @throws UserError READ_ONLY
 */
export async function removeFromPlace(
  place: string,
  { bases, segments }: Pick<Unneeded, 'bases' | 'segments'>,
): Promise<void> {
  try {
    for (const { folder } of bases) {
      await rm(join(folder, 'base.json'), { force: true });
      await syncFolder(folder);
      await rm(folder, { recursive: true, force: true });
    }
    for (const { run, file } of segments) await rm(join(place, 'wal', run, file), { force: true });
  } catch (error) {
    throw explainFileError(error, place);
  }
}

async function readLive(place: string): Promise<Catalogue['live']> {
  return parseLive((await readIfThere(join(place, 'state', 'runs'))) ?? '');
}

/** @param text in the receiver's format. */
export function parseLive(text: string): Catalogue['live'] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [at, run = ''] = line.split(' ');
      return { at: new Date(Number(at) * 1000), timeline: Number.parseInt(run.slice(0, 8), 16) };
    });
}

/**
 * Compares files with the checksums beside them.
 * @param files by their names in `folder`; those without a checksum are skipped.
 * @throws UserError PROTECTION_DAMAGED (exit 8) with the first file that differs.
 */
export async function proveSums(
  folder: string,
  files: readonly string[],
  options: { all: boolean; signal: AbortSignal; opener: Opener },
): Promise<void> {
  const sums = await readSums(folder);
  for (const file of options.all ? [...sums.keys()] : files) {
    const expected = sums.get(file);
    if (expected === undefined) continue;
    const stored = await findStored(folder, file);
    if (!stored) throw damaged(join(folder, file), 'is not there');
    const found = await sha256(stored, options).catch((error) => {
      options.signal.throwIfAborted();
      if (error instanceof UserError && error.code !== 'BACKUP_UNREADABLE') throw error;
      return undefined;
    });
    if (found !== expected) throw damaged(stored.file, 'is not as it was when it was written');
  }
}

/** @param what the problem of the file. */
export function damaged(file: string, what: string): UserError {
  return new UserError({
    code: 'PROTECTION_DAMAGED',
    message: `${file} ${what}: nothing after it can be brought back from this base backup`,
    hint: 'bring back an earlier moment, and take a new base backup: invctl db backup --base',
    exitCode: ExitCode.dataUnverified,
    file,
  });
}

/**
 * Returns the SHA-256 of the files of a folder, in hex, by the names that they had before they were packed.
 */
async function readSums(folder: string): Promise<Map<string, string>> {
  const text = (await readIfThere(join(folder, 'SHA256SUMS'))) ?? '';
  // A file that is being appended to may end in the middle of a line.
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return new Map(
    lines.filter((line) => line !== '').map((line) => [line.slice(66).trim(), line.slice(0, 64)]),
  );
}

async function sha256(
  stored: StoredFile,
  { signal, opener }: { signal: AbortSignal; opener: Opener },
): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of await readStored(stored, opener)) {
    signal.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}

/** Names in a folder of a place; none if there is no such folder. @throws UserError NOT_READABLE */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw await explainUnreadable(error, folder);
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw await explainUnreadable(error, file);
  }
}

/** A place that was restored from an archive, or copied, may have come as another user's. */
async function explainUnreadable(error: unknown, path: string): Promise<unknown> {
  if (!hasErrorCode(error, 'EACCES', 'EPERM')) return explainReadError(error, path);
  const mine = async (folder: string) =>
    (await stat(folder).catch(() => undefined))?.uid === process.geteuid?.();
  // The highest folder of somebody else in one of this user's own.
  let theirs = path;
  while (dirname(theirs) !== theirs && !(await mine(dirname(theirs)))) theirs = dirname(theirs);
  if (dirname(theirs) === theirs) return explainReadError(error, path);
  return new UserError({
    code: 'NOT_READABLE',
    message: `${path} cannot be read: permission denied`,
    hint: `sudo chown -R "$(id -u):$(id -g)" ${shellWord(theirs)}      (it came as another user's, as from an archive; where that user made it, run the same command as that user)`,
    file: path,
    cause: error,
  });
}
