import { mkdir, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { ExitCode, UserError } from '../../errors.js';
import { type Ancestor, parseHistory } from '../../postgres/wal.js';
import { syncFolder, writeFileAtomic } from '../../system/files.js';
import { ArchiveWriter } from '../archive-file.js';
import { assertDigest } from '../archive-reader.js';
import { assertSpace } from '../backup-folder.js';
import type { CopyStore, TransferOptions } from '../copy-store.js';
import { recipientsOf } from '../encryption.js';
import type { Base, Catalogue, RecoveryPlan, SegmentRun } from './catalogue.js';
import {
  baseMark,
  basePart,
  type CopiedPiece,
  type CopyNames,
  copyFolder,
  RECORD_NAME,
  readNames,
  STATE_NAME,
} from './copy-names.js';
import { joinPieces, type Part } from './pieces.js';
import {
  baseOf,
  endOf,
  type ProtectionRecord,
  parseLive,
  parseReceiverNote,
  recordSchema,
  writeRecord,
} from './place.js';
import { findStored, type Opener, packingOf, packStream, unpack, unpackedName } from './stored-file.js';

/** Of pieces that are replaced by others while they are fetched. */
const FETCH_ATTEMPTS = 10;
/** Of small files, which take a request each. */
const FETCHED_AT_ONCE = 16;
const HISTORY = /^([0-9A-F]{8})\.history$/;

/** Identifies the protection. Two machines with copies of one server differ in `owner`. */
export const copiedRecordSchema = recordSchema.omit({ file: true }).extend({
  /** Random value of each place. */
  owner: z.string(),
  host: z.string(),
  /** Identifier of the server that an upgrade made of this one, and which has a folder of its own. */
  successor: z.string().exactOptional(),
});

export type CopiedRecord = z.infer<typeof copiedRecordSchema>;

/** The receiver's state at the time of the copy. */
const copiedStateSchema = z.object({
  /** Content of `state/now` and `state/runs` of the place. */
  now: z.string(),
  runs: z.string(),
});

const copiedBaseSchema = z.object({
  /** Content of `base.json` of the place. */
  base: z.string(),
  /** The files as they are stored. */
  files: z.array(z.object({ name: z.string(), bytes: z.int(), sha256: z.string() })),
});

export type CopiedBase = z.infer<typeof copiedBaseSchema>;

/** The content of the protection's folder among the copies. */
export interface CopiedProtection {
  store: CopyStore;
  record: CopiedRecord;
  catalogue: Catalogue;
  names: CopyNames;
  /** Text of the files that never change once they are written, by name: marks of bases, and histories that were read. */
  constant: Map<string, string>;
  /** Text of the state; undefined: it was never completely written. */
  state: z.infer<typeof copiedStateSchema> | undefined;
}

/** A server of the project with a folder among the copies. */
export interface CopiedServer {
  store: CopyStore;
  record: CopiedRecord;
}

/**
 * Returns the servers of a project in the order of their upgrades; the last one is the present one, once it has
 * a base among the copies.
 * @throws UserError COPIES_UNREACHABLE, COPY_DAMAGED (exit 8)
 */
export async function copiedServers(store: CopyStore, project: string): Promise<CopiedServer[]> {
  const servers: CopiedServer[] = [];
  let next: string | undefined;
  do {
    const folder = store.folder(copyFolder(project, next));
    const record = await readJson(folder, RECORD_NAME, copiedRecordSchema);
    if (!record || servers.some((one) => one.record.systemIdentifier === record.systemIdentifier)) break;
    servers.push({ store: folder, record });
    next = record.successor;
  } while (next !== undefined);
  return servers;
}

/**
 * Each call lists the names once. Of the files that never change it reads each once.
 * @param store the folder of one server.
 * @param constant what an earlier call for this store has read of such files; it is brought up to date.
 * @returns undefined if nothing was ever copied.
 * @throws UserError COPIES_UNREACHABLE, COPY_DAMAGED (exit 8)
 */
export async function readCopied(
  store: CopyStore,
  constant = new Map<string, string>(),
): Promise<CopiedProtection | undefined> {
  const record = await readJson(store, RECORD_NAME, copiedRecordSchema);
  if (!record) return undefined;
  const state = await readJson(store, STATE_NAME, copiedStateSchema);
  // Read after the state, so that every file which the state refers to is there.
  const listed = await store.names();
  const names = readNames(listed, record.segmentBytes);
  const there = new Set(listed);
  for (const name of constant.keys()) if (!there.has(name)) constant.delete(name);
  const read = async (name: string) => {
    const text = constant.get(name) ?? (await store.readText(name));
    if (text !== undefined) constant.set(name, text);
    return text;
  };
  const note = state && parseReceiverNote(state.now);
  const bases = await Promise.all(
    names.bases.map(async (id): Promise<Base[]> => {
      const text = await read(baseMark(id));
      if (text === undefined) return [];
      const mark = parseAs(copiedBaseSchema, text, `${store.address}/${baseMark(id)}`);
      const bytes = mark.files.reduce((sum, file) => sum + file.bytes, 0);
      const base = baseOf(mark.base, {
        folder: `${store.address}/${basePart(id, '')}`.replace(/\.$/, ''),
        bytes,
      });
      if (!base) throw copyDamaged(`${store.address}/${baseMark(id)}`, 'is not what invctl writes there');
      return [base];
    }),
  );
  const live = parseLive(state?.runs ?? '');
  const catalogue: Catalogue = {
    segmentBytes: record.segmentBytes,
    bases: bases.flat(),
    unreadable: [],
    runs: runsOf(names, note?.covered),
    histories: await readHistories(names, read),
    live,
    ...endOf(note, live),
  };
  return { store, record, catalogue, names, constant, state };
}

function runsOf(names: CopyNames, covered = new Date(0)): SegmentRun[] {
  const open = new Map(
    names.pieces.map((piece) => {
      const { run, segment, timeline, number, partial, packing } = piece;
      const file = `${segment}.partial${packing}`;
      return [`${run}/${segment}.partial`, { run, timeline, number, partial, file, changedAt: undefined }];
    }),
  );
  for (const { run, file } of names.segments) open.delete(`${run}/${unpackedName(file)}`);
  const segments = [...names.segments, ...open.values()];
  return [...new Set(segments.map(({ run }) => run))].map((name) => ({
    name,
    timeline: Number.parseInt(name.slice(0, 8), 16),
    segments: segments
      .filter(({ run }) => run === name)
      .map(({ changedAt = covered, timeline, number, partial, file }) => {
        return { timeline, number, partial, run: name, file, bytes: 0, changedAt };
      }),
  }));
}

/** Newest first: the history of a timeline begins with those of its ancestors, which need not be read then. */
async function readHistories(
  { beside }: CopyNames,
  read: (name: string) => Promise<string | undefined>,
): Promise<Map<number, Ancestor[]>> {
  const files = beside
    .flatMap(({ file, name }) => {
      const [, timeline] = HISTORY.exec(file) ?? [];
      return timeline === undefined ? [] : [{ timeline: Number.parseInt(timeline, 16), name }];
    })
    .sort((a, b) => b.timeline - a.timeline);
  const histories = new Map<number, Ancestor[]>();
  for (const { timeline, name } of files) {
    if (histories.has(timeline)) continue;
    const ancestors = parseHistory((await read(name)) ?? '');
    histories.set(timeline, ancestors);
    ancestors.forEach((ancestor, index) => {
      if (!histories.has(ancestor.timeline)) histories.set(ancestor.timeline, ancestors.slice(0, index));
    });
  }
  return histories;
}

/**
 * Returns undefined if there is no such file.
 * @throws UserError COPY_DAMAGED (exit 8) for a file that is not invctl's.
 */
export async function readJson<T>(
  store: CopyStore,
  name: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const text = await store.readText(name);
  return text === undefined ? undefined : parseAs(schema, text, `${store.address}/${name}`);
}

function parseAs<T>(schema: z.ZodType<T>, text: string, address: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof z.ZodError || error instanceof SyntaxError)) throw error;
    throw copyDamaged(address, 'is not what invctl writes there');
  }
}

function copyDamaged(address: string, what: string): UserError {
  return new UserError({
    code: 'COPY_DAMAGED',
    message: `${address} ${what}`,
    hint: 'a version of it from before, where the place keeps versions; else move it away, and: invctl db copy',
    exitCode: ExitCode.dataUnverified,
    details: { address },
  });
}

/**
 * Fetches the files of a plan from the copies into the place, as they are stored; files that the place has
 * are not fetched again. The place then equals that of the machine which wrote the copies, as far as the plan
 * needs. The pieces of a segment are put together, and stored as they are there: encrypted or not.
 * @param record of the place; written if it has none.
 * @param opener asked for the identities if such pieces are encrypted.
 * @param onGap called with the address of a segment of which a piece in the middle is missing: what comes after
 * it is not fetched.
 * @throws UserError COPIES_UNREACHABLE, DISK_FULL, BACKUP_UNREADABLE (exit 8) for a part of a base that has
 * changed.
 */
export async function fetchPlan(
  copied: CopiedProtection,
  place: string,
  {
    plan,
    record,
    ...input
  }: { plan: RecoveryPlan; record: ProtectionRecord; opener: Opener; onGap: (address: string) => void },
  options: TransferOptions,
): Promise<void> {
  const { store, names, state, catalogue } = copied;
  for (const folder of ['state', 'wal', 'bases'])
    await mkdir(join(place, folder), { recursive: true, mode: 0o700 });
  await assertSpace(
    place,
    plan.chain.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  let total = 0;
  const onBytes = (bytes: number) => options.onBytes?.(total + bytes);
  const fetch = async (name: string, file: string, changedAt?: Date) => {
    const digest = await fetchFile(store, name, file, { ...options, onBytes });
    total += digest.bytes;
    if (changedAt) await utimes(file, changedAt, changedAt);
    return digest;
  };
  const wanted = new Map(
    plan.segments.map((segment) => [`${segment.run}/${unpackedName(segment.file)}`, segment]),
  );
  // Before all else: what is being written meanwhile changes.
  for (const { run, file, number, partial } of plan.segments) {
    const folder = join(place, 'wal', run);
    if (!partial || !names.pieces.some((piece) => piece.run === run && piece.number === number)) continue;
    if (await findStored(folder, unpackedName(file))) continue;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await fetchOpen(store, { run, number, folder, changedAt: catalogue.covered, ...input }, record, options);
  }
  for (const { run, file, name, changedAt } of names.segments) {
    const folder = join(place, 'wal', run);
    const plain = unpackedName(file);
    if (!wanted.has(`${run}/${plain}`) || (await findStored(folder, plain))) continue;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await fetch(name, join(folder, file), changedAt ?? catalogue.covered);
  }
  await fetchBeside(copied, place, new Set(plan.segments.map(({ run }) => run)));
  for (const { id } of plan.chain) await fetchBase(store, place, id, fetch);
  if (!(await findStored(place, 'protection.json'))) {
    if (state) {
      await writeFileAtomic(join(place, 'state', 'runs'), state.runs, 0o600);
      await writeFileAtomic(join(place, 'state', 'now'), state.now, 0o600);
    }
    await writeRecord(place, record);
  }
}

/**
 * Fetches the hashes of runs, and every history: a server that leaves recovery takes a timeline that has none.
 */
async function fetchBeside(
  { store, names, constant }: CopiedProtection,
  place: string,
  runs: ReadonlySet<string>,
): Promise<void> {
  const wanted = names.beside.filter(({ run, file }) => runs.has(run) || HISTORY.test(file));
  const fetch = async ({ run, file, name }: (typeof wanted)[number]) => {
    const folder = join(place, 'wal', run);
    if (await findStored(folder, file)) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const text = constant.get(name) ?? (await store.readText(name)) ?? '';
    await writeFileAtomic(join(folder, file), text, 0o600);
  };
  for (let at = 0; at < wanted.length; at += FETCHED_AT_ONCE)
    await Promise.all(wanted.slice(at, at + FETCHED_AT_ONCE).map(fetch));
}

interface OpenInput {
  run: string;
  number: number;
  /** Of the run, in the place. */
  folder: string;
  changedAt: Date | undefined;
  opener: Opener;
  onGap: (address: string) => void;
}

/** Puts the pieces of a segment together, or fetches it as a whole if it is complete by now. */
async function fetchOpen(
  store: CopyStore,
  { run, number, folder, changedAt = new Date(0), opener, onGap }: OpenInput,
  { segmentBytes }: ProtectionRecord,
  options: TransferOptions,
): Promise<void> {
  const now = async () => {
    const names = readNames(await store.names(), segmentBytes);
    const isIt = (one: { run: string; number: number }) => one.run === run && one.number === number;
    const whole = names.segments.find((segment) => isIt(segment) && !segment.partial);
    return { whole, pieces: names.pieces.filter(isIt) };
  };
  let there = await now();
  for (let attempt = 1; ; attempt += 1) {
    const { whole, pieces } = there;
    const [piece] = pieces;
    if (whole) {
      await fetchFile(store, whole.name, join(folder, whole.file), options);
      return;
    }
    if (!piece) return;
    const { parts, missing } = joinPieces(pieces);
    const encrypted = pieces.some(({ packing }) => packing.endsWith('.age'));
    const file = `${piece.segment}.partial${packingOf({ gzip: true, encrypted })}`;
    try {
      await packStream(Readable.from(bytesOf(store, parts, opener, options.signal)), join(folder, file), {
        gzip: true,
        recipients: encrypted ? await recipientsOf(await opener()) : [],
        signal: options.signal,
        mtime: changedAt,
      });
      if (missing) onGap(`${store.address}/wal.${run}.${piece.segment}`);
      return;
    } catch (error) {
      // Whoever writes there may have put them together meanwhile.
      there = await now();
      const names = new Set(there.pieces.map(({ name }) => name));
      const changed = there.whole !== undefined || !parts.every((part) => names.has(part.piece.name));
      if (!changed || attempt === FETCH_ATTEMPTS) throw error;
    }
  }
}

async function* bytesOf(
  store: CopyStore,
  parts: readonly Part<CopiedPiece>[],
  opener: Opener,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for (const { piece, from, to } of parts) {
    let at = piece.from;
    for await (const chunk of await unpack(await store.read(piece.name, signal), piece.packing, opener)) {
      const wanted = (chunk as Buffer).subarray(Math.max(0, from - at), Math.max(0, to - at));
      at += (chunk as Buffer).length;
      if (wanted.length > 0) yield wanted;
    }
    if (at < to) throw copyDamaged(`${store.address}/${piece.name}`, 'is shorter than its name says');
  }
}

async function fetchBase(
  store: CopyStore,
  place: string,
  id: string,
  fetch: (name: string, file: string) => Promise<{ bytes: number; sha256: string }>,
): Promise<void> {
  const folder = join(place, 'bases', id);
  if (await findStored(folder, 'base.json')) return;
  const mark = await readJson(store, baseMark(id), copiedBaseSchema);
  if (!mark) return;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  for (const { name, ...digest } of mark.files) {
    assertDigest(await fetch(basePart(id, name), join(folder, name)), digest);
  }
  await writeFileAtomic(join(folder, 'base.json'), mark.base, 0o600);
}

async function fetchFile(
  store: CopyStore,
  name: string,
  file: string,
  { signal, onBytes }: TransferOptions,
): Promise<{ bytes: number; sha256: string }> {
  const partial = `${file}.fetched`;
  await rm(partial, { force: true });
  const writer = await ArchiveWriter.create(partial);
  try {
    const source = await store.read(name, signal);
    source.on('data', () => onBytes?.(writer.bytes));
    await pipeline(source, writer, { end: false, signal });
    const digest = await writer.finish();
    await rename(partial, file);
    await syncFolder(dirname(file));
    return digest;
  } catch (error) {
    await writer.abandon();
    await rm(partial, { force: true });
    throw error;
  }
}

/**
 * Merges bases and WAL of two catalogues of one server; the state is that of the first, or of the second if
 * the first has none.
 */
export function united(here: Catalogue | undefined, away: Catalogue): Catalogue {
  if (!here || here.live.length === 0) return { ...away, bases: unite(away.bases, here?.bases ?? []) };
  const runs = new Map(here.runs.map((run) => [run.name, run]));
  for (const run of away.runs) {
    const own = runs.get(run.name);
    const known = new Set(own?.segments.map(({ file }) => unpackedName(file)));
    const more = run.segments.filter(({ file }) => !known.has(unpackedName(file)));
    runs.set(run.name, { ...run, segments: [...(own?.segments ?? []), ...more] });
  }
  return {
    ...here,
    bases: unite(here.bases, away.bases),
    runs: [...runs.values()].sort((a, b) => a.name.localeCompare(b.name)),
    histories: new Map([...away.histories, ...here.histories]),
  };
}

function unite(first: readonly Base[], second: readonly Base[]): Base[] {
  const known = new Set(first.map(({ id }) => id));
  return [...first, ...second.filter(({ id }) => !known.has(id))].sort((a, b) => a.id.localeCompare(b.id));
}
