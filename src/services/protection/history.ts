import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { readIdentities } from '../../backup/encryption.js';
import { type Catalogue, liveWal, type Segment } from '../../backup/protection/catalogue.js';
import { protectionPlace, readCatalogue, readRecord } from '../../backup/protection/place.js';
import { findStored, type Opener, readStored, unpackedName } from '../../backup/protection/stored-file.js';
import { type TableChange, TableChanges, type Wanted } from '../../backup/protection/table-changes.js';
import type { Session } from '../../engine/database-access.js';
import { UserError } from '../../errors.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import { USER_NAMESPACE } from '../../postgres/dumped.js';
import { withSession } from '../../postgres/open-session.js';
import { readOtherDatabases } from '../../postgres/other-databases.js';
import { withMaintenance } from '../../postgres/server-sessions.js';
import { onlyRow, type SessionOptions } from '../../postgres/session.js';
import { findTable } from '../../postgres/tables.js';
import type { Lsn } from '../../postgres/wal.js';
import { readBytes, readStretch, stretchesOf, type WalEvent } from '../../postgres/wal-records.js';
import { nearest } from '../../project/nearest.js';
import type { ServiceContext } from '../context.js';
import { notProtected } from './not-protected.js';

/** Other databases in which a table is looked for. */
const LOOKED_INTO = 20;

export interface HistoryInput {
  /** As typed. */
  table: string;
  /** Most changes to report. */
  limit: number;
  /** How far back to look. */
  since: Date;
  onProgress?: (bytes: number, expected: number) => void;
}

export interface History {
  /** Quoted where necessary; as typed when there is no such table. */
  table: string;
  /** False: there is no such table, and the changes are those of every table that was dropped. */
  exists: boolean;
  /** The project's database, where the server does not have it: the changes are those of every database that was dropped. */
  databaseGone?: string;
  /** Newest first. */
  changes: TableChange[];
  /** True: there may be more changes, further back. */
  more: boolean;
  /** Time from which the WAL was read; earlier changes are not known. */
  from: Date | null;
  /** Bytes of WAL that were read. */
  bytes: number;
}

/**
 * What changed a table and when, newest first, according to the received WAL. Changes nothing.
 * @throws UserError NOT_PROTECTED, TABLE_AMBIGUOUS, NOT_A_TABLE
 */
export async function tableHistory(context: ServiceContext, input: HistoryInput): Promise<History> {
  const database = await findDatabase(await context.engine(), context.project());
  const place = protectionPlace(database.location, database.settings);
  const record = await readRecord(place);
  if (!record) throw notProtected(database.location);
  const options = { applicationName: 'invctl db history', signal: context.signal };
  const { wanted, table, near } = await withSession(database, options, (session) =>
    whatToLookFor(session, input.table),
  ).catch(unlessGone(input.table));
  if (near !== undefined) context.warn(`there is no table ${table} now: did you mean ${near}?`);
  if (wanted.database !== null && !('tables' in wanted))
    await warnOfOthers(context, database, table, options);
  const catalogue = await readCatalogue(place, record);
  const changes = new TableChanges(wanted);
  const read = await readBack(context, database, place, catalogue, {
    ...input,
    take: (events) => changes.add(events, input.limit),
  });
  const found = changes.changes;
  if (!changes.followed) {
    context.warn(
      'further back the table had another file, which is not known: changes before that are not told',
    );
  }
  return {
    table,
    exists: 'tables' in wanted,
    ...(wanted.database === null ? { databaseGone: database.name } : {}),
    changes: found.slice(0, input.limit).filter(({ committedAt }) => committedAt >= input.since),
    more: found.length > input.limit || read.stopped,
    from: read.from,
    bytes: read.bytes,
  };
}

interface Looked {
  wanted: Wanted;
  table: string;
  /** Where there is no such table, one that may be meant. */
  near?: string | undefined;
}

async function whatToLookFor(session: Session, typed: string): Promise<Looked> {
  const { database } = await onlyRow<{ database: number }>(
    session,
    'SELECT oid::bigint AS database FROM pg_database WHERE datname = current_database()',
  );
  try {
    const { oid, quoted } = await findTable(session, typed, 'now');
    const tables = await session.rows<{ oid: number; file: number }>(
      `SELECT c.oid::bigint AS oid, pg_relation_filenode(c.oid)::bigint AS file FROM pg_class c
        WHERE (c.oid = ${oid} OR c.oid IN (SELECT relid FROM pg_partition_tree(${oid}))) AND relkind = 'r'`,
    );
    return { wanted: { tables, database }, table: quoted };
  } catch (error) {
    if (!(error instanceof UserError && error.code === 'TABLE_NOT_FOUND')) throw error;
    const existing = await session.rows<{ oid: number; name: string; table: boolean }>(
      `SELECT c.oid::bigint AS oid, relname AS name, relkind IN ('r', 'p') AND ${USER_NAMESPACE} AS table
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace`,
    );
    const names = existing.filter((one) => one.table).map(({ name }) => name);
    return {
      wanted: { existing: new Set(existing.map(({ oid }) => oid)), database },
      table: typed,
      near: nearest(typed.replace(/^.*\./, ''), names),
    };
  }
}

/** A table of another database of the server comes back with the whole server alone. */
async function warnOfOthers(
  context: ServiceContext,
  database: Database,
  table: string,
  options: SessionOptions,
): Promise<void> {
  const others = await withMaintenance(database, options, (session) =>
    readOtherDatabases(session, database.name),
  );
  for (const { name } of others.filter(({ readable }) => readable).slice(0, LOOKED_INTO)) {
    const found = await withSession(database, { ...options, database: name }, (session) =>
      findTable(session, table, 'now').catch(() => undefined),
    );
    if (!found) continue;
    context.warn(
      `the database ${name} of the server has a table ${found.quoted}; db history and --table look at ${database.name} alone: invctl db restore --to TIME shows how all of the server differs, and asks before it brings that back`,
    );
  }
}

/** Without the database, what dropped it is to be found. */
function unlessGone(table: string) {
  return (error: unknown): Looked => {
    if (!(error instanceof UserError && error.code === 'DATABASE_MISSING')) throw error;
    return { wanted: { database: null }, table };
  };
}

interface Reading extends Pick<HistoryInput, 'since' | 'onProgress'> {
  /** Receives the events of each stretch; returns true to stop. */
  take(events: readonly WalEvent[]): boolean;
}

/** Reads the live server's WAL backwards from its end, a stretch at a time. */
async function readBack(
  context: ServiceContext,
  database: Database,
  place: string,
  catalogue: Catalogue,
  { since, onProgress, take }: Reading,
): Promise<{ from: Date | null; bytes: number; stopped: boolean }> {
  const { signal } = context;
  let identities: ReturnType<Opener> | undefined;
  const opener: Opener = () => {
    identities ??= readIdentities(context, database);
    return identities;
  };
  const segments = liveWal(catalogue).filter(({ changedAt }) => changedAt >= since);
  const { segmentBytes } = catalogue;
  const expected = segments.length * segmentBytes;
  let bytes = 0;
  let from: Date | null = null;
  let following: { buffer: Buffer; start: Lsn } | undefined;
  for (const segment of segments) {
    const file = await openSegment(place, segment, opener);
    if (!file) break;
    try {
      const start = BigInt(segment.number) * BigInt(segmentBytes);
      for (const stretch of stretchesOf(start, segmentBytes)) {
        signal.throwIfAborted();
        const bytesOf = await file.read(stretch.offset, stretch.bytes);
        const next =
          following?.start === stretch.start + BigInt(stretch.bytes) ? following.buffer : undefined;
        const events: WalEvent[] = [];
        readStretch(bytesOf, stretch.start, next, (event) => events.push(event));
        following = { buffer: bytesOf, start: stretch.start };
        bytes += stretch.bytes;
        onProgress?.(bytes, expected);
        for (const event of events) {
          if (event.kind === 'commit' && (from === null || event.at < from)) from = event.at;
        }
        if (take(events)) return { from, bytes, stopped: true };
      }
    } finally {
      await file.close();
    }
  }
  return { from, bytes, stopped: false };
}

/** A segment's bytes, compressed or not. Undefined: it was removed since it was listed. */
export async function openSegment(
  place: string,
  { run, file }: Segment,
  opener: Opener,
): Promise<{ read(offset: number, bytes: number): Promise<Buffer>; close(): Promise<void> } | undefined> {
  const folder = join(place, 'wal', run);
  const name = unpackedName(file);
  // It may have been completed or compressed since it was listed.
  const stored =
    (await findStored(folder, name)) ?? (await findStored(folder, name.replace(/\.partial$/, '')));
  if (!stored) return undefined;
  if (stored.packing === '') {
    const handle = await open(stored.file, 'r');
    return { read: (offset, bytes) => readBytes(handle, offset, bytes), close: () => handle.close() };
  }
  const content = await buffer(await readStored(stored, opener));
  return {
    read: async (offset, bytes) => content.subarray(offset, offset + bytes),
    close: async () => {},
  };
}

/**
 * Where a transaction was committed, in the WAL of the live server.
 * @param transaction its number, or that of a subtransaction (a savepoint), as `xmin` of a row may be.
 * @returns also the number of the top-level transaction; undefined: it is not in the received WAL.
 */
export async function findCommit(
  context: ServiceContext,
  database: Database,
  place: string,
  catalogue: Catalogue,
  transaction: number,
): Promise<{ transaction: number; lsn: Lsn } | undefined> {
  let found: { transaction: number; lsn: Lsn } | undefined;
  const take = (events: readonly WalEvent[]) => {
    for (const event of events) {
      if (event.kind !== 'commit') continue;
      if (event.xid === transaction || event.parts.includes(transaction)) {
        found = { transaction: event.xid, lsn: event.lsn };
      }
    }
    return found !== undefined;
  };
  await readBack(context, database, place, catalogue, { since: new Date(0), take });
  return found;
}
