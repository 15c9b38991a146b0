import { link, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Header } from 'tar';
import { readIdentities } from '../../backup/encryption.js';
import type { Base, RecoveryPlan } from '../../backup/protection/catalogue.js';
import { damaged, type ProtectionRecord, proveSums } from '../../backup/protection/place.js';
import { findStored, type Opener, readStored, unpackedName } from '../../backup/protection/stored-file.js';
import { openTrials } from '../../engine/open-trials.js';
import type { BesideInput, BesideTrial, Trial } from '../../engine/trials.js';
import { ExitCode, UserError } from '../../errors.js';
import type { Database } from '../../postgres/database.js';
import {
  type RecoveryTarget,
  recoverySettings,
  saysTargetNotReached,
} from '../../postgres/recovery-settings.js';
import { withMaintenance } from '../../postgres/server-sessions.js';
import { onlyRow } from '../../postgres/session.js';
import { type Lsn, parseHistory } from '../../postgres/wal.js';
import { allEnded } from '../../system/all-ended.js';
import { outputTail } from '../../system/argv.js';
import type { ServiceContext } from '../context.js';
import {
  assertRoomBeside,
  type BaseArchive,
  type FileProgram,
  fileProgram,
  fillFolder,
  type RestoreFolders,
  removeParts,
  retarget,
} from './data-files.js';

import { bytesBeside, noRoomBeside, roomEnd } from './room.js';

const POLL_MS = 250;
const START_TIMEOUT_MS = 120_000;
const LOG_LINES = 12;
const HISTORY_NAME = /^[0-9A-F]{8}\.history$/;
const BASE_ARCHIVES = [
  { name: 'base.tar.zst', decompressor: 'zstd' },
  { name: 'base.tar.gz', decompressor: 'gzip' },
] as const;

/** A server made from a base and WAL, beside the live one. */
export interface ScratchServer {
  trial: Trial;
  /** The project's database on this server. */
  database: Database;
  /** Runs programs on the volume that both servers use. */
  run: FileProgram;
  /** When the last transaction in it was committed; null: none after the base. */
  lastCommit: Date | null;
  /** ISO 8601. Its log begins there. */
  since: string;
  /** Bytes that it was expected to take, where that is known. */
  needed: number | undefined;
}

/**
 * Runs what the second server is asked to do. A session alone does not tell that the server's disk is full:
 * one that ends for lack of room leaves that in its log.
 * @throws UserError DATABASE_DISK_FULL, and what `body` throws.
 */
export async function inScratch<T>(
  context: ServiceContext,
  { database, since, needed }: ScratchServer,
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body();
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof UserError) || error.code === 'DATABASE_DISK_FULL') throw error;
    const full = roomEnd(error.message) ?? roomEnd(await logTail(database, since));
    throw full === undefined ? error : noRoomBeside(database.service.name, needed, full);
  }
}

/** Opens the trial project of a restore, on the live volume, with its data folder in another place on it. */
export async function openBeside(
  context: ServiceContext,
  { engine, location, project, service }: Database,
  { folder, ...beside }: Pick<BesideInput, 'name' | 'dataDirectory' | 'folder' | 'files' | 'server'>,
): Promise<{ trial: BesideTrial; run: FileProgram }> {
  const trials = await openTrials(engine, context);
  const input = { ...beside, project, service, folder: `${folder}/data` };
  const trial = await trials.prepareBeside(location, input);
  return { trial, run: fileProgram(trial, service.name) };
}

/**
 * Recovers a base to a target in a second server, which has ended its recovery and may be written to.
 *
 * @param expectedEnd position that recovery must reach when it replays to the end.
 * @throws UserError of exit 8: PROTECTION_DAMAGED, RECOVERY_FAILED; TARGET_NOT_FOUND for a transaction that
 * is not in the WAL.
 */
export async function recoverBeside(
  context: ServiceContext,
  live: Database,
  input: {
    place: string;
    record: ProtectionRecord;
    plan: RecoveryPlan;
    target: RecoveryTarget;
    /** Of an earlier major; absent: the live one's. */
    server?: BesideInput['server'] & {};
    folders: RestoreFolders;
    name: string;
    expectedEnd?: Lsn;
    onStep?: (step: 'check' | 'unpack' | 'recover') => void;
  },
): Promise<ScratchServer> {
  const { place, plan, target, folders, name } = input;
  input.onStep?.('check');
  const opener = once(() => readIdentities(context, live));
  const { trial, run: runAny } = await openBeside(context, live, {
    name,
    dataDirectory: folders.data,
    folder: folders.incoming,
    files: place,
    ...(input.server ? { server: input.server } : {}),
  });
  // The first program takes the longest: what it runs in is started.
  await allEnded([proveFiles(place, plan, { signal: context.signal, opener }), runAny(['true'])]);
  const needed = await bytesBeside(plan, input.record.segmentBytes, opener);
  const run = fileProgram(trial, live.service.name, needed);
  if (needed !== undefined) await assertRoomBeside(run, folders.data, needed);
  input.onStep?.('unpack');
  const settings = (to: RecoveryTarget) => recoverySettings(`${folders.incoming}/wal`, plan.timeline, to);
  await withWalFolder(place, name, plan, async (folder) => {
    const chain = plan.chain.map((base) => () => openBase(base, opener));
    const wal = Readable.from(walArchive(folder, input.record.segmentBytes, opener), { objectMode: false });
    await fillFolder(run, folders, { chain, wal, settings: settings(target) });
  });
  input.onStep?.('recover');
  const database: Database = { ...live, engine: trial.engine, location: trial.location };
  const since = new Date().toISOString();
  const parts = removeParts(run, folders);
  let wholly = target.kind === 'end';
  let [state] = await allEnded([recover(context, database, needed), parts]);
  if (state === 'not reached') {
    if (target.kind === 'before') throw transactionNotFound(target.transaction);
    // Nothing was committed between the last transaction of the WAL and the moment.
    await trial.engine.stop(trial.location, [live.service.name]);
    await retarget(run, folders, settings({ kind: 'end' }));
    wholly = true;
    state = await recover(context, database, needed);
  }
  if (state === 'not reached') throw new Error('a recovery without a target has none to miss');
  const { lastCommit, end } = state;
  if (wholly && input.expectedEnd !== undefined) assertEnd(place, plan, end, input.expectedEnd);
  return { trial, database, run, lastCommit, since, needed };
}

async function proveFiles(
  place: string,
  { chain, segments }: RecoveryPlan,
  proof: { signal: AbortSignal; opener: Opener },
): Promise<void> {
  for (const { folder } of chain) await proveSums(folder, [], { ...proof, all: true });
  for (const run of new Set(segments.map((segment) => segment.run))) {
    const files = segments.filter((segment) => segment.run === run).map(({ file }) => unpackedName(file));
    await proveSums(join(place, 'wal', run), files, { ...proof, all: false });
  }
}

async function openBase({ folder }: Base, opener: Opener): Promise<BaseArchive> {
  for (const { name, decompressor } of BASE_ARCHIVES) {
    const stored = await findStored(folder, name);
    if (!stored) continue;
    const { file, packing } = stored;
    return { content: packing === '' ? { file } : await readStored(stored, opener), decompressor };
  }
  throw damaged(join(folder, BASE_ARCHIVES[0].name), 'is not there');
}

function walFolder(place: string, name: string): string {
  return join(place, 'state', name);
}

/** A restore that was killed leaves its links, and with them WAL that nothing else needs any more. */
export async function removeWalFolder(place: string, name: string): Promise<void> {
  await rm(walFolder(place, name), { recursive: true, force: true });
}

/** Links the needed WAL into one folder, so that it stays when files are removed or renamed meanwhile. */
async function withWalFolder<T>(
  place: string,
  name: string,
  { segments }: RecoveryPlan,
  body: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = walFolder(place, name);
  await mkdir(folder, { mode: 0o700 });
  try {
    for (const { run, file } of segments) await linkSegment(join(place, 'wal', run), file, folder);
    for (const run of await readdir(join(place, 'wal'))) {
      for (const file of await readdir(join(place, 'wal', run))) {
        if (HISTORY_NAME.test(file))
          await link(join(place, 'wal', run, file), join(folder, file)).catch(() => {});
      }
    }
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** It may have been completed or compressed since it was listed. */
async function linkSegment(source: string, file: string, folder: string): Promise<void> {
  const name = unpackedName(file);
  for (const wanted of [name, name.replace(/\.partial$/, '')]) {
    const stored = await findStored(source, wanted);
    if (!stored) continue;
    const linked = await link(stored.file, join(folder, basename(stored.file))).then(
      () => true,
      () => false,
    );
    if (linked) return;
  }
  throw damaged(join(source, file), 'is not there');
}

const TAR_BLOCK = 512;

/** A tar of the segments in a folder, uncompressed, and of the history files. */
async function* walArchive(folder: string, segmentBytes: number, opener: Opener): AsyncGenerator<Buffer> {
  for (const file of (await readdir(folder)).sort()) {
    const name = unpackedName(file);
    if (HISTORY_NAME.test(name)) {
      const text = await readFile(join(folder, file));
      yield tarHeader(name, text.length);
      yield text;
      yield Buffer.alloc((TAR_BLOCK - (text.length % TAR_BLOCK)) % TAR_BLOCK);
      continue;
    }
    const stored = await findStored(folder, name);
    if (!stored) throw damaged(join(folder, file), 'is not there');
    yield tarHeader(name, segmentBytes);
    let left = segmentBytes;
    for await (const chunk of await readStored(stored, opener)) {
      left -= (chunk as Buffer).length;
      if (left < 0) throw damaged(stored.file, `has more than ${segmentBytes} bytes`);
      yield chunk as Buffer;
    }
    // A segment whose receiver was killed is shorter: pad it.
    for (; left > 0; left -= Math.min(left, ZEROS.length))
      yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
  }
  yield Buffer.alloc(2 * TAR_BLOCK);
}

const ZEROS = Buffer.alloc(1024 * 1024);

function tarHeader(path: string, size: number): Buffer {
  const header = new Header({ path, size, mode: 0o600, mtime: new Date(0), type: 'File' });
  header.encode();
  return header.block as Buffer;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

type Recovered = { lastCommit: Date | null; end: Lsn | undefined };

/** Starts the server and waits until recovery has ended, at its target or at the end of the WAL. */
async function recover(
  context: ServiceContext,
  database: Database,
  needed: number | undefined,
): Promise<Recovered | 'not reached'> {
  const { engine, location, service } = database;
  const since = new Date().toISOString();
  await engine.up(
    location,
    { services: [service.name], wait: false, timeoutMs: START_TIMEOUT_MS, signal: context.signal },
    () => {},
  );
  for (;;) {
    const status = (await engine.status(location)).find(({ name }) => name === service.name);
    if (status?.state !== 'running' && status?.state !== 'created') {
      const log = await logTail(database, since);
      if (saysTargetNotReached(log)) return 'not reached';
      const full = roomEnd(log);
      if (full !== undefined) throw noRoomBeside(service.name, needed, full);
      throw new UserError({
        code: 'RECOVERY_FAILED',
        message: `the server that is made of the base backup does not start:\n${outputTail(log, LOG_LINES)}`,
        hint: 'bring back another moment, or an earlier base backup: invctl db protect status',
        exitCode: ExitCode.dataUnverified,
      });
    }
    const found = await askRecovery(context, database);
    if (found) return found;
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

/** Undefined while it recovers, or does not accept sessions yet. */
async function askRecovery(context: ServiceContext, database: Database): Promise<Recovered | undefined> {
  try {
    return await withMaintenance(
      database,
      { applicationName: 'invctl db restore', signal: context.signal },
      async (session) => {
        const found = await onlyRow<{ recovering: boolean; last: string | null }>(
          session,
          `SELECT pg_is_in_recovery() AS recovering,
                  to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS last`,
        );
        if (found.recovering) return undefined;
        const lastCommit = found.last === null ? null : new Date(found.last);
        const { history } = await onlyRow<{ history: string }>(
          session,
          `SELECT pg_read_file('pg_wal/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '.history') AS history`,
        );
        return { lastCommit, end: parseHistory(history).at(-1)?.switchedAt };
      },
    );
  } catch (error) {
    context.signal.throwIfAborted();
    // It has not started yet, or has exited: the caller reads its status.
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

async function logTail({ engine, location, service }: Database, since: string): Promise<string> {
  const lines: string[] = [];
  for await (const { line } of engine.logs(location, { services: [service.name], since })) lines.push(line);
  return lines.join('\n');
}

/** A record that was being received when the receiver was cut off may be missing. */
const CUT_RECORD_BYTES = 1024n * 1024n;

function assertEnd(place: string, { segments }: RecoveryPlan, end: Lsn | undefined, expected: Lsn): void {
  if (end !== undefined && end + CUT_RECORD_BYTES >= expected) return;
  const last = segments.at(-1);
  throw damaged(
    join(place, 'wal', last?.run ?? '', last?.file ?? ''),
    `or one before it cannot be read to its end: recovery stops ${end === undefined ? 'early' : `${expected - end} bytes short`}`,
  );
}

export function transactionNotFound(transaction: string): UserError {
  return new UserError({
    code: 'TARGET_NOT_FOUND',
    message: `the transaction ${transaction} was not committed in the time that can be brought back`,
    hint: 'invctl db history TABLE      (the transactions that changed it), invctl db protect status',
  });
}
