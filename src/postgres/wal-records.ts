import type { FileHandle } from 'node:fs/promises';
import type { Lsn } from './wal.js';

/**
 * Reads from the write-ahead log which transaction changed which file, and when it was committed. pg_waldump
 * does this too, but not every image has it, and no bare server. The structures that are read here are the
 * same from PostgreSQL 9.5 to 18 (xlogrecord.h, xlog_internal.h, heapam_xlog.h, xact.h, standbydefs.h,
 * storage_xlog.h, dbcommands_xlog.h).
 */

const PAGE = 8192;
/** XLOG_PAGE_MAGIC of PostgreSQL 18. */
const MAGIC_18 = 0xd118;
/** Bytes that are read and scanned at once. It limits the memory, whatever `wal_segment_size` is. */
const STRETCH = 16 * 1024 * 1024;
const SHORT_HEADER = 24;
const LONG_HEADER = 40;
const RECORD_HEADER = 24;
/** Largest length of a record in bytes (XLogRecordMaxSize). */
const MAX_RECORD = 1020 * 1024 * 1024;
/** Flags of xlp_info: the page begins with the rest of a record; the header is a long one. */
const FIRST_IS_CONTINUATION = 1;
const LONG = 2;

/** Resource managers by number (rmgrlist.h); their order has never changed. */
const XLOG = 0;
const TRANSACTION = 1;
const STORAGE = 2;
const DATABASE = 4;
const STANDBY = 8;
const HEAP2 = 9;
const HEAP = 10;

/** Microseconds from 1970 to 2000, PostgreSQL's epoch. */
const EPOCH_MICROSECONDS = 946_684_800_000_000n;

/** A file of a table, an index or another relation: database and file number. */
export interface RelationFile {
  database: number;
  file: number;
}

/** An entry of the log about a change. `xid` is the id of a transaction or of a part of one (a savepoint). */
export type WalEvent =
  /** A change of rows in a table's file. */
  | { kind: 'rows'; xid: number; file: RelationFile; inserted: number; updated: number; deleted: number }
  | { kind: 'created'; xid: number; file: RelationFile }
  /** An ACCESS EXCLUSIVE lock of a relation, by its oid: taken by TRUNCATE, DROP, ALTER and others. */
  | { kind: 'locked'; xid: number; database: number; relation: number }
  | { kind: 'commit'; xid: number; lsn: Lsn; at: Date; parts: number[]; dropped: RelationFile[] }
  /** A row of a catalogue that all databases share was deleted, or overwritten in its place. */
  | { kind: 'shared row'; xid: number; lsn: Lsn; file: number; row: number; inPlace: boolean }
  /** The files of a database were removed, before its DROP is committed. */
  | { kind: 'files removed'; xid: number; lsn: Lsn }
  /** No transaction with an id from `next` on has an earlier entry. */
  | { kind: 'snapshot'; next: number };

/** Yields the stretches of a segment, newest first. */
export function stretchesOf(
  start: Lsn,
  segmentBytes: number,
): { offset: number; bytes: number; start: Lsn }[] {
  const bytes = Math.min(STRETCH, segmentBytes);
  return Array.from({ length: segmentBytes / bytes }, (_, i) => ({
    offset: i * bytes,
    bytes,
    start: start + BigInt(i * bytes),
  })).reverse();
}

/** Reads a stretch; it is shorter if the file was cut. */
export async function readBytes(file: FileHandle, offset: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes);
  let read = 0;
  while (read < bytes) {
    const { bytesRead } = await file.read(buffer, read, bytes - read, offset + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return buffer.subarray(0, read);
}

/**
 * Yields the events of the records that begin in a stretch of the log, in their order. It ends where the log
 * ends: at a page that does not belong to the log or to this part of it, or at a record that does not follow
 * the one before it.
 * @param stretch begins at the beginning of a page.
 * @param following the bytes after it, for a record that continues there.
 */
export function readStretch(
  stretch: Buffer,
  start: Lsn,
  following: Buffer | undefined,
  tell: (event: WalEvent) => void,
): void {
  const log = new Pages(stretch, start, following);
  const magic = stretch.length < SHORT_HEADER ? 0 : stretch.readUInt16LE(0);
  let at = log.firstRecord();
  let previous: Lsn | undefined;
  while (at !== undefined && at < stretch.length) {
    const header = log.read(at, RECORD_HEADER);
    if (!header) return;
    const total = header.data.readUInt32LE(0);
    if (total < RECORD_HEADER || total > MAX_RECORD) return;
    const lsn = start + BigInt(at);
    const before = header.data.readBigUInt64LE(8);
    if (before >= lsn || (previous !== undefined && before !== previous)) return;
    const resource = header.data[17] as number;
    const info = header.data[16] as number;
    const wanted =
      resource === TRANSACTION ||
      resource === HEAP ||
      resource === HEAP2 ||
      resource === STORAGE ||
      resource === DATABASE ||
      resource === STANDBY;
    const record = wanted ? log.read(at, total) : undefined;
    const end = record?.end ?? (wanted ? undefined : log.endOf(at, total));
    if (end === undefined) return;
    if (record) tellRecord(record.data, { lsn, magic }, tell);
    // XLOG_SWITCH: the rest of the segment is empty.
    if (resource === XLOG && (info & 0xf0) === 0x40) return;
    previous = lsn;
    at = log.align(end);
  }
}

/** Bytes of the log without the headers of its pages. */
class Pages {
  readonly #pages: Buffer;
  readonly #start: Lsn;
  readonly #following: Buffer | undefined;

  constructor(pages: Buffer, start: Lsn, following: Buffer | undefined) {
    this.#pages = pages;
    this.#start = start;
    this.#following = following;
  }

  /** Offset of the first record that begins here. */
  firstRecord(): number | undefined {
    for (let page = 0; page < this.#pages.length; page += PAGE) {
      const header = this.#header(page);
      if (header === undefined) return undefined;
      const info = this.#pages.readUInt16LE(page + 2);
      if (!(info & FIRST_IS_CONTINUATION)) return page + header;
      const rest = this.#pages.readUInt32LE(page + 16);
      if (rest <= PAGE - header) return this.align(page + header + rest);
    }
    return undefined;
  }

  /**
   * Returns the next multiple of eight at which a record may begin; at the start of a page, after the page's
   * header.
   */
  align(offset: number): number | undefined {
    const aligned = Math.ceil(offset / 8) * 8;
    if (aligned % PAGE !== 0) return aligned;
    const header = this.#header(aligned);
    return header === undefined ? undefined : aligned + header;
  }

  read(offset: number, bytes: number): { data: Buffer; end: number } | undefined {
    const inPage = PAGE - (offset % PAGE);
    // Most records are inside one page, and need no copy.
    if (bytes <= inPage && offset + bytes <= this.#pages.length) {
      return { data: this.#pages.subarray(offset, offset + bytes), end: offset + bytes };
    }
    const data = Buffer.allocUnsafe(bytes);
    let written = 0;
    const end = this.#walk(offset, bytes, (part) => {
      written += part.copy(data, written);
    });
    return end === undefined ? undefined : { data, end };
  }

  endOf(offset: number, bytes: number): number | undefined {
    return this.#walk(offset, bytes, () => {});
  }

  #walk(offset: number, bytes: number, take: (part: Buffer) => void): number | undefined {
    let at = offset;
    let left = bytes;
    for (;;) {
      const here = Math.min(left, PAGE - (at % PAGE));
      const part = this.#bytes(at, here);
      if (!part) return undefined;
      take(part);
      left -= here;
      at += here;
      if (left === 0) return at;
      const header = this.#header(at);
      if (header === undefined) return undefined;
      at += header;
    }
  }

  /** Returns bytes inside one page. */
  #bytes(offset: number, bytes: number): Buffer | undefined {
    const own = this.#pages.length;
    const [buffer, from] = offset < own ? [this.#pages, offset] : [this.#following, offset - own];
    return buffer && from + bytes <= buffer.length ? buffer.subarray(from, from + bytes) : undefined;
  }

  /**
   * Length of a page's header; undefined if there is no such page, or it belongs to another place in the log.
   */
  #header(page: number): number | undefined {
    const header = this.#bytes(page, SHORT_HEADER);
    if (!header) return undefined;
    if (header.readUInt16LE(0) >> 8 !== 0xd1) return undefined;
    if (header.readBigUInt64LE(8) !== this.#start + BigInt(page)) return undefined;
    return header.readUInt16LE(2) & LONG ? LONG_HEADER : SHORT_HEADER;
  }
}

/** Position of a record, and `xlp_magic` of its page, which depends on the server's major. */
interface Place {
  lsn: Lsn;
  magic: number;
}

function tellRecord(record: Buffer, place: Place, tell: (event: WalEvent) => void): void {
  const xid = record.readUInt32LE(4);
  const info = record[16] as number;
  const resource = record[17] as number;
  const operation = info & 0x70;
  if (resource === HEAP) {
    const kind = HEAP_OPERATIONS[operation];
    const inPlace = operation === HEAP_IN_PLACE;
    if (!kind && !inPlace) return;
    const { file, main } = parts(record);
    if (!file) return;
    if (file.database === 0 && (inPlace || kind === 'deleted')) {
      // The number of the row in its page: first in xl_heap_inplace, after xmax in xl_heap_delete.
      const row = main.readUInt16LE(inPlace ? 0 : 4);
      tell({ kind: 'shared row', xid, lsn: place.lsn, file: file.file, row, inPlace });
    }
    if (!kind) return;
    // Removed by the transaction itself, as an INSERT … ON CONFLICT does after it lost a race
    // (XLH_DELETE_IS_SUPER).
    const undone = kind === 'deleted' && main.length > 7 && ((main[7] as number) & 8) !== 0;
    const rows = { inserted: 0, updated: 0, deleted: 0 };
    if (undone) rows.inserted = -1;
    else rows[kind] = 1;
    tell({ kind: 'rows', xid, file, ...rows });
  } else if (resource === HEAP2) {
    // XLOG_HEAP2_MULTI_INSERT, as COPY does: flags, and after one byte the number of rows.
    if (operation !== 0x50) return;
    const { file, main } = parts(record);
    if (file && main.length >= 4)
      tell({ kind: 'rows', xid, file, inserted: main.readUInt16LE(2), updated: 0, deleted: 0 });
  } else if (resource === STORAGE) {
    // XLOG_SMGR_CREATE: tablespace, database, file, fork; only the main fork.
    if ((info & 0xf0) !== 0x10) return;
    const { main } = parts(record);
    if (main.length >= 16 && main.readInt32LE(12) === 0)
      tell({ kind: 'created', xid, file: fileAt(main, 0) });
  } else if (resource === DATABASE) {
    // XLOG_DBASE_DROP, from PostgreSQL 15 on.
    if ((info & 0xf0) === 0x20) tell({ kind: 'files removed', xid, lsn: place.lsn });
  } else if (resource === STANDBY) {
    tellStandby(record, info & 0xf0, tell);
  } else if (operation === 0x00 || operation === 0x30) {
    tellCommit(record, xid, info, place, tell);
  }
}

/** Operations of RM_HEAP_ID: UPDATE, and HOT_UPDATE, which changes no index. */
const HEAP_OPERATIONS: Record<number, 'inserted' | 'updated' | 'deleted' | undefined> = {
  0: 'inserted',
  16: 'deleted',
  32: 'updated',
  64: 'updated',
};

/** XLOG_HEAP_INPLACE */
const HEAP_IN_PLACE = 0x70;

function tellStandby(record: Buffer, operation: number, tell: (event: WalEvent) => void): void {
  const { main } = parts(record);
  if (operation === 0x00) {
    // XLOG_STANDBY_LOCK: number of locks, and for each the transaction, the database and the relation.
    const count = main.readInt32LE(0);
    for (let i = 0; i < count && 16 + i * 12 <= main.length; i += 1) {
      const at = 4 + i * 12;
      tell({
        kind: 'locked',
        xid: main.readUInt32LE(at),
        database: main.readUInt32LE(at + 4),
        relation: main.readUInt32LE(at + 8),
      });
    }
  } else if (operation === 0x10 && main.length >= 20) {
    // XLOG_RUNNING_XACTS: running transactions are older than the next one, and may have begun long before.
    tell({ kind: 'snapshot', next: main.readUInt32LE(12) });
  }
}

/** Reads xl_xact_commit: the time, and then the parts that `xinfo` announces. */
function tellCommit(
  record: Buffer,
  xid: number,
  info: number,
  { lsn, magic }: Place,
  tell: (event: WalEvent) => void,
): void {
  const { main } = parts(record);
  const at = new Date(Number((main.readBigInt64LE(0) + EPOCH_MICROSECONDS) / 1000n));
  const committed: number[] = [];
  const dropped: RelationFile[] = [];
  let whole = xid;
  let offset = 8;
  // XLOG_XACT_HAS_INFO
  if (info & 0x80) {
    const has = main.readUInt32LE(offset);
    offset += 4;
    if (has & 1) offset += 8;
    if (has & 2) {
      const count = main.readInt32LE(offset);
      for (let i = 0; i < count; i += 1) committed.push(main.readUInt32LE(offset + 4 + 4 * i));
      offset += 4 + 4 * count;
    }
    if (has & 4) {
      const count = main.readInt32LE(offset);
      for (let i = 0; i < count; i += 1) dropped.push(fileAt(main, offset + 4 + 12 * i));
      offset += 4 + 12 * count;
    }
    // Dropped statistics: three numbers each, and four from PostgreSQL 18 on (xl_xact_stats_item).
    if (has & 256) offset += 4 + main.readInt32LE(offset) * (magic >= MAGIC_18 ? 16 : 12);
    // Invalidation messages.
    if (has & 8) offset += 4 + main.readInt32LE(offset) * 16;
    if (has & 16 && offset + 4 <= main.length) whole = main.readUInt32LE(offset);
  }
  tell({ kind: 'commit', xid: whole, lsn, at, parts: committed, dropped });
}

function fileAt(data: Buffer, offset: number): RelationFile {
  return { database: data.readUInt32LE(offset + 4), file: data.readUInt32LE(offset + 8) };
}

/**
 * Returns the file of a record's first block, and its main data. Headers come first (of blocks with ids up to
 * 32, of the origin 253, of the top transaction 252, of the main data 255 or 254), then the data in the same
 * order.
 */
function parts(record: Buffer): { file?: RelationFile; main: Buffer } {
  let at = RECORD_HEADER;
  let file: RelationFile | undefined;
  let mainBytes = 0;
  while (at < record.length) {
    const id = record[at] as number;
    at += 1;
    if (id === 255) {
      mainBytes = record[at] as number;
      break;
    }
    if (id === 254) {
      mainBytes = record.readUInt32LE(at);
      break;
    }
    if (id === 253) at += 2;
    else if (id === 252) at += 4;
    else if (id <= 32) {
      const fork = record[at] as number;
      at += 3;
      if (fork & 0x10) {
        const image = record[at + 4] as number;
        // BKPIMAGE_HAS_HOLE and one of the compressions, whose bits are these from PostgreSQL 15 on.
        at += 5 + (image & 1 && image & 0x1c ? 2 : 0);
      }
      // BKPBLOCK_SAME_REL: the same file as in the block before.
      if (!(fork & 0x80)) {
        const own = fileAt(record, at);
        file ??= own;
        at += 12;
      }
      at += 4;
    } else break;
  }
  return { ...(file ? { file } : {}), main: record.subarray(record.length - mainBytes) };
}
