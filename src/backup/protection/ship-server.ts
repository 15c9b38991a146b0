import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import { parseLsn, parseSegment, type SegmentName, segmentFile } from '../../postgres/wal.js';
import { explainReadError, isPartial, writeFileAtomic } from '../../system/files.js';
import { type Digest, digestOf } from '../archive-file.js';
import { assertDigest } from '../archive-reader.js';
import type { CopyStore, TransferOptions } from '../copy-store.js';
import type { Base, Segment, SegmentRun } from './catalogue.js';
import { type CopiedBase, type CopiedRecord, copiedRecordSchema, readCopied, readJson } from './copied.js';
import {
  baseMark,
  basePart,
  besideSegments,
  OWNER_FILE,
  RECORD_NAME,
  readNames,
  STATE_NAME,
  wholeSegment,
} from './copy-names.js';
import { presentServer } from './earlier.js';
import { OpenSegment } from './open-segment.js';
import { type ProtectionRecord, parseReceiverNote, readBases, readRuns } from './place.js';
import { pruneCopied } from './prune-copied.js';
import { type SentEnd, SentEnds } from './sent-ends.js';
import { findStored, packFile, packingOf, type StoredFile, unpackedName } from './stored-file.js';

const BESIDE = /^(SHA256SUMS|[0-9A-F]{8}\.history)$/;
const UNFINISHED = /\.(?:piece|partial)\./;
const RETENTION_MS = 3_600_000;
/** While nothing is written, the state is sent again after this time: each sending costs, in a bucket. */
const IDLE_STATE_MS = 30_000;
/** Segments that are further behind are not sent in pieces, but as a whole. */
const CATCH_UP_BYTES = 64 * 1024 * 1024;

export interface ServerInput {
  place: string;
  /** Public keys of age; empty: the copies are not encrypted. */
  recipients: readonly string[];
  /** True: continues copies that another machine wrote. */
  takeOver: boolean;
  /** Folder of the server among the copies. */
  store: CopyStore;
  record: ProtectionRecord;
  /** Identifier of the server that an upgrade made of this one. */
  successor?: string;
}

export interface Shipped {
  bases: number;
  /** Number of complete segments. */
  segments: number;
  /** All commits until then are copied; absent: none is yet. */
  covered?: Date;
}

/** The result of sending what the open segment grew by. */
export interface Growth {
  /** All commits until then are copied; absent: that is not known, since earlier segments are still to be sent. */
  covered?: Date;
}

/** Content of the files `now` and `runs` of the receiver; empty if there is none. */
interface ReceiverState {
  now: string;
  runs: string;
}

/**
 * Copies what was received from one server. A base is copied once it is complete, which its mark shows. A
 * segment is copied when it is complete, and before that in pieces as far as it was received. The three parts of
 * the work may run at the same time.
 */
export class ServerShipper {
  readonly #input: ServerInput;
  /** Names in the store; undefined: they were not listed yet. */
  #there: Set<string> | undefined;
  /** Complete segments in the store, by {@link keyOf}. */
  #whole = new Set<string>();
  #listedAt = 0;
  /** Whether the store is ours; undefined: it was not looked at yet. */
  #owned: boolean | undefined;
  /** Last sent content of the names whose content changes. */
  readonly #sent = new Map<string, string>();
  /** When each of the files beside segments was last changed, as it was sent, and its size. */
  readonly #besideSent = new Map<string, string>();
  #stateSentAt = 0;
  /** Text of the names whose content never changes, as {@link readCopied} has read it. */
  readonly #constant = new Map<string, string>();
  /** Segments that were sent in pieces, by run and name. */
  readonly #open = new Map<string, OpenSegment>();
  /** What is there of the runs that ended; undefined: it was not read yet. */
  #ends: SentEnds | undefined;
  /** The segment that was the newest one at the last {@link shipGrowth}. */
  #followed: (SegmentName & { run: string }) | undefined;
  /** Number of the segment from which on none was left out before {@link #followed}. */
  #followedFrom = 0;
  /** The last segment of the live run of which the last {@link shipWal} sent all, and all before it. */
  #through: { run: string; number: number } | undefined;
  /** The pieces that are being sent: one after the other. */
  #growing: Promise<unknown> = Promise.resolve();
  #lastOrder = 0;
  #keptHouseAt = 0;

  constructor(input: ServerInput) {
    this.#input = input;
  }

  get address(): string {
    return this.#input.store.address;
  }

  /** Whether a base is among the copies. */
  get hasBase(): boolean {
    return readNames([...(this.#there ?? [])], this.#input.record.segmentBytes).bases.length > 0;
  }

  async ship(options: TransferOptions): Promise<void> {
    await this.shipWal(options);
    await this.shipBases(options);
  }

  async shipWal(options: TransferOptions): Promise<Shipped> {
    return this.#inScratch('shipping', async (scratch) => {
      const { place, record } = this.#input;
      await this.#assertOwn();
      const there = await this.#list();
      // Also at the end: here it makes room where the disk of the copies is full.
      await this.#removeFinished();
      // Read before the WAL: everything that it refers to is then sent in this round.
      const state = await this.#readState();
      const { runs, beside } = await readRuns(
        place,
        record.segmentBytes,
        (segment) => segment.partial || !this.#whole.has(keyOf(segment)),
      );
      await this.#assertSameServer();
      let sent = 0;
      for (const run of runs) {
        for (const segment of run.segments) {
          if (segment.partial) continue;
          if (await this.#shipSegment(segment, scratch, options)) sent += 1;
        }
        for (const { run: of, file } of beside) if (of === run.name) await this.#shipBeside(of, file);
        for (const segment of run.segments) {
          if (segment.partial && !this.#endIsThere(segment)) {
            await this.#shipOpen(segment, state, options);
          }
        }
      }
      await this.#writeState(state, there);
      const live = runs.find(({ name }) => name === liveRun(state));
      const before = this.#through?.run === live?.name ? (this.#through?.number ?? 0) : 0;
      const number = live?.segments.reduce((highest, one) => Math.max(highest, one.number), before);
      this.#through = live && number ? { run: live.name, number } : undefined;
      await this.#removeFinished();
      await this.#noteEnds(runs, state);
      const { covered } = state.now === '' ? {} : parseReceiverNote(state.now);
      return { bases: 0, segments: sent, ...(covered ? { covered } : {}) };
    });
  }

  async shipBases(options: TransferOptions): Promise<Shipped | undefined> {
    if (!this.#owned || !this.#there) return undefined;
    return this.#inScratch('shipping-bases', async (scratch) => {
      const { bases } = await readBases(this.#input.place, (id) => this.#there?.has(baseMark(id)) === false);
      let sent = 0;
      for (const base of bases) {
        await this.#shipBase(base, scratch, options);
        sent += 1;
      }
      if (sent > 0 || Date.now() - this.#keptHouseAt > RETENTION_MS) await this.#keepHouse();
      return { bases: sent, segments: 0 };
    });
  }

  async shipGrowth({ signal }: TransferOptions): Promise<Growth> {
    if (!this.#owned || !this.#there) return {};
    // Read before the WAL, of which it says how much is on the disk.
    const state = await this.#readState();
    const run = liveRun(state);
    if (run === undefined) return {};
    try {
      for (const segment of await this.#sinceFollowed(run)) {
        // A complete one that was never followed goes as a whole.
        if (!segment.partial && this.#followed?.run !== run) continue;
        await this.#grow({ ...segment, run }, state, signal);
        this.#followed = { ...segment, run };
      }
      const noneLeftOut =
        this.#followed?.run === run &&
        this.#through?.run === run &&
        this.#followedFrom <= this.#through.number + 1;
      const note = parseReceiverNote(state.now);
      return noneLeftOut && note.run === run && note.covered ? { covered: note.covered } : {};
    } catch (error) {
      // What we know of the store may be wrong after an error.
      this.#listedAt = 0;
      throw error;
    }
  }

  /** Returns the segments of the live run from the followed one on; the newest alone if they are many. */
  async #sinceFollowed(run: string): Promise<SegmentName[]> {
    const { place, record } = this.#input;
    const { segmentBytes } = record;
    const folder = join(place, 'wal', run);
    const followed = this.#followed?.run === run ? this.#followed : undefined;
    if (
      followed?.partial &&
      (await stat(join(folder, fileOf(followed, segmentBytes))).catch(() => undefined))
    )
      return [followed];
    const segments = (await namesIn(folder))
      .flatMap((name) => parseSegment(name, segmentBytes) ?? [])
      .sort((a, b) => a.number - b.number || Number(a.partial) - Number(b.partial));
    const newest = segments.at(-1);
    if (!newest) return [];
    const behind = followed ? (newest.number - followed.number) * segmentBytes : Number.POSITIVE_INFINITY;
    const first = followed && behind <= CATCH_UP_BYTES ? followed.number : newest.number;
    if (first !== followed?.number) this.#followedFrom = first;
    return segments.filter(({ number }) => number >= first);
  }

  /** Sends what a segment grew by, unless it is there as a whole. */
  #grow(segment: SegmentName & { run: string }, state: ReceiverState, signal: AbortSignal): Promise<void> {
    const sending = this.#growing.then(() => this.#sendGrowth(segment, state, signal));
    this.#growing = sending.catch(() => {});
    return sending;
  }

  async #sendGrowth(
    segment: SegmentName & { run: string },
    state: ReceiverState,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, place, recipients, record } = this.#input;
    const { run, number, timeline } = segment;
    const name = segmentFile(timeline, number, record.segmentBytes);
    const key = keyOf(segment);
    if (this.#whole.has(key)) return;
    const nextOrder = () => {
      this.#lastOrder += 1;
      return this.#lastOrder;
    };
    const open = this.#open.get(key) ?? new OpenSegment({ store, run, segment: name, recipients, nextOrder });
    this.#open.set(key, open);
    const written = segment.partial && liveRun(state) === run;
    const flushed = written ? flushedOf(segment, state, record.segmentBytes) : Number.POSITIVE_INFINITY;
    const beforeSend = () => this.#assertSameServer();
    try {
      // It may be complete by now.
      for (const file of [`${name}.partial`, name]) {
        if (await open.send(join(place, 'wal', run, file), { flushed, beforeSend, signal })) break;
      }
    } finally {
      for (const piece of open.pieces) this.#there?.add(piece.name);
    }
  }

  async #readState(): Promise<ReceiverState> {
    const { place } = this.#input;
    return {
      now: await readIfThere(join(place, 'state', 'now')),
      runs: await readIfThere(join(place, 'state', 'runs')),
    };
  }

  async #inScratch<T>(name: string, work: (scratch: string) => Promise<T>): Promise<T> {
    const scratch = join(this.#input.place, 'state', name);
    await mkdir(scratch, { recursive: true, mode: 0o700 });
    try {
      return await work(scratch);
    } catch (error) {
      this.#listedAt = 0;
      throw error;
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  /**
   * Lists the names in the store: at first, after an error, and each hour. What somebody removed there is sent
   * again.
   * @returns true: they were listed just now.
   */
  async #list(): Promise<boolean> {
    const { store, record } = this.#input;
    if (this.#there && Date.now() - this.#listedAt < RETENTION_MS) return false;
    const first = this.#there === undefined;
    const before = new Map([...this.#open].map(([key, { pieces }]) => [key, pieces]));
    const names = await store.names();
    const there = new Set(names);
    // Nobody else writes there: they are of a process that was killed.
    if (first) for (const name of names.filter(isPartial)) await store.remove(name);
    for (const [key, pieces] of before) {
      if (!pieces.every(({ name }) => there.has(name))) this.#open.delete(key);
    }
    for (const { pieces } of this.#open.values()) for (const { name } of pieces) there.add(name);
    const { segments, pieces } = readNames(names, record.segmentBytes);
    this.#whole = new Set(segments.filter(({ partial }) => !partial).map(keyOf));
    for (const { order } of pieces) this.#lastOrder = Math.max(this.#lastOrder, order);
    this.#sent.clear();
    this.#besideSent.clear();
    this.#ends ??= await SentEnds.read(this.#input.place, store.address);
    this.#there = there;
    this.#listedAt = Date.now();
    return true;
  }

  /** @throws UserError COPY_OF_ANOTHER */
  async #assertOwn(): Promise<void> {
    try {
      // Another machine may take it over at any time; this one does so once at most.
      await this.#own(this.#input.takeOver && this.#owned === undefined);
      this.#owned = true;
    } catch (error) {
      if (error instanceof UserError && error.code === 'COPY_OF_ANOTHER') this.#owned = false;
      throw error;
    }
  }

  /** Marks the place of the copies as ours, or finds that it belongs to another. */
  async #own(takeOver: boolean): Promise<void> {
    const { store, place, record, successor } = this.#input;
    const file = join(place, 'state', OWNER_FILE);
    let owner = (await readIfThere(file)).trim();
    if (owner === '') {
      owner = randomBytes(16).toString('hex');
      await writeFileAtomic(file, `${owner}\n`, 0o600);
    }
    const there = await readJson(store, RECORD_NAME, copiedRecordSchema);
    const { file: _, ...own } = record;
    const ours: CopiedRecord = {
      ...own,
      owner,
      host: hostname(),
      ...(successor === undefined ? {} : { successor }),
    };
    if (there && there.systemIdentifier !== ours.systemIdentifier) {
      throw copyOfAnother(
        `${store.address} has the WAL of the server ${there.systemIdentifier}, and the database is ${ours.systemIdentifier}`,
        `give this project another place (backup.copyTo), or move what is in ${store.address} away`,
      );
    }
    if (there && (there.owner !== owner || there.host !== ours.host) && !takeOver) {
      throw copyOfAnother(
        `${store.address} is written by another copy of this server, on the machine ${there.host}`,
        'invctl db copy --take-over      (once that one is gone for good)',
      );
    }
    if (JSON.stringify(there) !== JSON.stringify(ours)) {
      await store.writeText(RECORD_NAME, `${JSON.stringify(ours, null, 2)}\n`);
    }
  }

  async #shipSegment(segment: Segment, scratch: string, options: TransferOptions): Promise<boolean> {
    const { run, file, changedAt } = segment;
    const folder = join(this.#input.place, 'wal', run);
    const packed = await this.#packed(folder, unpackedName(file), scratch, options);
    // It was removed in the meantime because it was too old.
    if (!packed) return false;
    await this.#assertSameServer();
    await this.#send(wholeSegment(run, `${packed.name}${packed.packing}`, changedAt), packed.file, options);
    this.#whole.add(keyOf(segment));
    return true;
  }

  /**
   * Sends what a segment that is not complete grew by. One that was fetched from copies is there, or goes as it
   * is stored.
   */
  async #shipOpen(segment: Segment, state: ReceiverState, options: TransferOptions): Promise<void> {
    const { run, file, number } = segment;
    if (file.endsWith('.partial')) return this.#grow(segment, state, options.signal);
    const name = besideSegments(run, file);
    const { pieces } = readNames([...(this.#there ?? [])], this.#input.record.segmentBytes);
    if (this.#there?.has(name) || pieces.some((one) => one.run === run && one.number === number)) return;
    await this.#assertSameServer();
    await this.#send(name, join(this.#input.place, 'wal', run, file), options);
  }

  /** Whether all of the last segment of a run that has ended is among the copies, in the present packing. */
  #endIsThere(segment: Segment): boolean {
    const end = this.#ends?.get(keyOf(segment));
    const packing = packingOf({ gzip: true, encrypted: this.#input.recipients.length > 0 });
    return (
      end?.changedAt === segment.changedAt.getTime() &&
      end.pieces.every((name) => this.#there?.has(name) && name.endsWith(packing))
    );
  }

  /** Notes which ends of runs are among the copies, and that nothing else of them is. */
  async #noteEnds(runs: readonly SegmentRun[], state: ReceiverState): Promise<void> {
    // Was one of them written to meanwhile, its time may be that of a moment before it was read.
    if ((await this.#readState()).runs !== state.runs) return;
    const ends = new Map<string, SentEnd>();
    for (const segment of runs.flatMap((run) => run.segments)) {
      const key = keyOf(segment);
      if (!segment.file.endsWith('.partial') || segment.run === liveRun(state)) continue;
      const open = this.#open.get(key);
      const known = this.#endIsThere(segment) ? this.#ends?.get(key) : undefined;
      const pieces = open?.complete ? open.pieces.map(({ name }) => name) : known?.pieces;
      if (pieces?.length) ends.set(key, { changedAt: segment.changedAt.getTime(), pieces });
    }
    await this.#ends?.note(ends);
  }

  /** Returns a segment in its stored form: gzip, and encrypted if there are recipients. */
  async #packed(
    folder: string,
    name: string,
    scratch: string,
    { signal }: TransferOptions,
  ): Promise<StoredFile | undefined> {
    const { recipients } = this.#input;
    const stored = await findStored(folder, name);
    const encrypted = recipients.length > 0;
    const packing = packingOf({ gzip: true, encrypted });
    if (!stored || stored.packing === packing || stored.packing.endsWith('.age')) return stored;
    const file = join(scratch, `${name}${packing}`);
    try {
      await packFile(stored.file, file, { gzip: stored.packing === '', recipients, signal });
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return undefined;
      throw error;
    }
    return { name, packing, file };
  }

  async #shipBeside(run: string, file: string): Promise<void> {
    if (!BESIDE.test(file)) return;
    const path = join(this.#input.place, 'wal', run, file);
    const about = await stat(path).catch(() => undefined);
    const version = `${about?.mtimeMs} ${about?.size}`;
    const name = besideSegments(run, file);
    if (!about || this.#besideSent.get(name) === version) return;
    const text = await readIfThere(path);
    await this.#assertSameServer();
    await this.#writeChanged(name, text);
    this.#besideSent.set(name, version);
  }

  async #shipBase({ id, folder }: Base, scratch: string, options: TransferOptions): Promise<void> {
    const { store, recipients } = this.#input;
    const files: CopiedBase['files'] = [];
    for (const name of (await readdir(folder)).sort()) {
      if (name === 'base.json') continue;
      const encrypted = recipients.length > 0 && !name.endsWith('.age') && name !== 'SHA256SUMS';
      const source = join(folder, name);
      const stored = encrypted ? join(scratch, `${name}.age`) : source;
      if (encrypted) await packFile(source, stored, { gzip: false, recipients, signal: options.signal });
      const named = encrypted ? `${name}.age` : name;
      const sent = await this.#send(basePart(id, named), stored, options);
      assertDigest(await digestOf(await store.read(basePart(id, named), options.signal)), sent);
      files.push({ name: named, ...sent });
      if (encrypted) await rm(stored, { force: true });
    }
    const mark: CopiedBase = { base: await readFile(join(folder, 'base.json'), 'utf8'), files };
    await this.#assertSameServer();
    await store.writeText(baseMark(id), `${JSON.stringify(mark)}\n`);
    this.#there?.add(baseMark(id));
  }

  /** After an upgrade, other files have the names of this server's. */
  async #assertSameServer(): Promise<void> {
    const { place, record } = this.#input;
    if ((await presentServer(place)) !== record.systemIdentifier) throw serverChanges();
  }

  async #send(name: string, file: string, options: TransferOptions): Promise<Digest> {
    const { size: bytes } = await stat(file);
    const digest = await this.#input.store.write(name, file, { ...options, bytes });
    this.#there?.add(name);
    return digest;
  }

  async #writeChanged(name: string, text: string): Promise<void> {
    if (this.#sent.get(name) === text) return;
    await this.#input.store.writeText(name, text);
    this.#sent.set(name, text);
    this.#there?.add(name);
  }

  /** @param due whether it is sent even if nothing but the time has changed. */
  async #writeState(state: ReceiverState, due: boolean): Promise<void> {
    const withoutTime = `${state.now.replaceAll(/^(at|covered)=.*$/gm, '')}${state.runs}`;
    const idle = this.#sent.get(STATE_NAME) === withoutTime;
    if (idle && !due && Date.now() - this.#stateSentAt < IDLE_STATE_MS) return;
    await this.#input.store.writeText(STATE_NAME, `${JSON.stringify(state)}\n`);
    this.#sent.set(STATE_NAME, withoutTime);
    this.#stateSentAt = Date.now();
    this.#there?.add(STATE_NAME);
  }

  /** Removes what copies of incomplete segments are not needed any more. */
  async #removeFinished(): Promise<void> {
    const { store, record } = this.#input;
    const unfinished = [...(this.#there ?? [])].filter((name) => UNFINISHED.test(name));
    const { segments, pieces } = readNames(unfinished, record.segmentBytes);
    const needed = new Set([...this.#open.values()].flatMap((open) => open.pieces.map(({ name }) => name)));
    const going = [...segments.filter(({ partial }) => partial), ...pieces].filter(
      (one) =>
        this.#whole.has(keyOf(one)) ||
        (this.#open.get(keyOf(one))?.complete === true && !needed.has(one.name)),
    );
    for (const { name } of going) {
      await store.remove(name);
      this.#there?.delete(name);
    }
    for (const key of this.#open.keys()) if (this.#whole.has(key)) this.#open.delete(key);
  }

  async #keepHouse(): Promise<void> {
    const copied = await readCopied(this.#input.store, this.#constant);
    if (copied) for (const name of await pruneCopied(copied)) this.#there?.delete(name);
    this.#keptHouseAt = Date.now();
  }
}

export function serverChanges(): UserError {
  return new UserError({
    code: 'SERVER_CHANGES',
    message: 'the database is being upgraded: what the new server writes is copied after that',
    hint: 'invctl db protect status',
  });
}

function copyOfAnother(message: string, hint: string): UserError {
  return new UserError({ code: 'COPY_OF_ANOTHER', message, hint, exitCode: ExitCode.failure });
}

/** Returns an empty text if there is no such file. */
async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return '';
    throw explainReadError(error, file);
  }
}

/** The run that the receiver writes. */
function liveRun({ runs }: ReceiverState): string | undefined {
  return runs.trimEnd().split(/\s/).at(-1) || undefined;
}

/** Returns how many bytes of a segment the receiver had flushed when it last looked. */
function flushedOf(
  { run, number }: SegmentName & { run: string },
  { now }: ReceiverState,
  segmentBytes: number,
): number {
  const note = now === '' ? undefined : parseReceiverNote(now);
  if (note?.run !== run || note.lsn === undefined) return 0;
  return Number(parseLsn(note.lsn) - BigInt(number) * BigInt(segmentBytes));
}

function keyOf({ run, timeline, number }: SegmentName & { run: string }): string {
  return `${run}/${timeline}/${number}`;
}

/** Name of a segment's file in the place. */
function fileOf({ timeline, number, partial }: SegmentName, segmentBytes: number): string {
  return `${segmentFile(timeline, number, segmentBytes)}${partial ? '.partial' : ''}`;
}

/** Returns none if there is no such folder. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw explainReadError(error, folder);
  }
}
