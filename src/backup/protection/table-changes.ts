import type { Lsn } from '../../postgres/wal.js';
import type { RelationFile, WalEvent } from '../../postgres/wal-records.js';

/** The changes of a table in one transaction. */
export interface TableChange {
  transaction: number;
  committedAt: Date;
  /** Position of its commit. */
  lsn: Lsn;
  inserted: number;
  updated: number;
  deleted: number;
  /**
   * The change of the whole table; null: only rows changed. `rewritten`: by VACUUM FULL, CLUSTER or ALTER
   * TABLE, with the same rows.
   */
  whole: 'created' | 'truncated' | 'rewritten' | 'dropped' | null;
}

/** What to look for. */
export type Wanted =
  | {
      /** A table and, if it is partitioned, its partitions: oids with their present files. */
      tables: readonly { oid: number; file: number }[];
      database: number;
    }
  | {
      /** Transactions that dropped any table: the oids that exist now. */
      existing: ReadonlySet<number>;
      database: number;
    }
  /** Transactions that dropped any database. */
  | { database: null };

interface Committed extends TableChange {
  xids: number[];
  dropped: RelationFile[];
  /** Relations with an ACCESS EXCLUSIVE lock of the transaction. */
  locked: Set<number>;
  created: number[];
  touched: boolean;
}

/**
 * Collects the changes of a table by transaction, from the newest part of the log to the oldest. A commit is
 * read before its changes, so changes without a commit need no memory.
 */
export class TableChanges {
  readonly #wanted: Wanted;
  /** Maps a table's files, the present one and earlier ones, to its oid. */
  readonly #files = new Map<number, number>();
  readonly #committed = new Map<number, Committed>();
  readonly #found: Committed[] = [];
  readonly #followed: boolean[] = [];

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
    if ('tables' in wanted) for (const { oid, file } of wanted.tables) this.#files.set(file, oid);
  }

  /** Newest first. */
  get changes(): TableChange[] {
    return this.#found
      .filter(({ touched }) => touched)
      .sort((a, b) => (a.lsn > b.lsn ? -1 : 1))
      .map(({ transaction, committedAt, lsn, inserted, updated, deleted, whole }) => ({
        transaction,
        committedAt,
        lsn,
        inserted,
        updated,
        deleted,
        whole,
      }));
  }

  /** False: the table had an earlier file that is unknown. */
  get followed(): boolean {
    return this.#followed.length === 0;
  }

  /**
   * Adds the events of a part of the log, in their order; each part is older than the previous one.
   * @returns whether everything about the newest `limit` changes is known.
   */
  add(events: readonly WalEvent[], limit: number): boolean {
    const { database } = this.#wanted;
    const rows = new Map<number, Extract<WalEvent, { kind: 'rows' }>[]>();
    let oldest: number | undefined;
    for (const event of events) {
      if (event.kind === 'commit') this.#commit(event);
      else if (event.kind === 'snapshot') oldest ??= event.next;
      else if (event.kind === 'rows' && event.file.database === database) {
        const of = rows.get(event.file.file);
        if (of) of.push(event);
        else rows.set(event.file.file, [event]);
      }
    }
    for (const event of events) {
      if (event.kind !== 'locked' || event.database !== database) continue;
      this.#committed.get(event.xid)?.locked.add(event.relation);
    }
    for (const event of events.toReversed()) {
      if (event.kind === 'created' && event.file.database === database) this.#created(event);
    }
    if (database === null) this.#droppedDatabases(events);
    if ('existing' in this.#wanted) this.#droppedTables(this.#wanted.existing);
    for (const file of this.#files.keys()) {
      for (const event of rows.get(file) ?? []) this.#rows(event);
    }
    const complete = this.#complete(limit, oldest);
    if (oldest !== undefined) this.#forget(oldest);
    return complete;
  }

  #commit({ xid, lsn, at, parts, dropped }: Extract<WalEvent, { kind: 'commit' }>): void {
    if (this.#committed.has(xid)) return;
    const one: Committed = {
      transaction: xid,
      committedAt: at,
      lsn,
      inserted: 0,
      updated: 0,
      deleted: 0,
      whole: null,
      xids: [xid, ...parts],
      dropped: dropped.filter(({ database }) => database === this.#wanted.database),
      locked: new Set(),
      created: [],
      touched: false,
    };
    for (const part of one.xids) this.#committed.set(part, one);
  }

  #rows({ xid, inserted, updated, deleted }: Extract<WalEvent, { kind: 'rows' }>): void {
    const one = this.#committed.get(xid);
    if (!one) return;
    one.inserted += inserted;
    one.updated += updated;
    one.deleted += deleted;
    this.#touch(one);
  }

  /** Called newest first: the first call for a transaction is its last creation. */
  #created({ xid, file: { file } }: Extract<WalEvent, { kind: 'created' }>): void {
    const one = this.#committed.get(xid);
    if (!one) return;
    one.created.unshift(file);
    const oid = this.#files.get(file);
    if (oid === undefined) return;
    this.#touch(one);
    // The file number of a new table equals its oid; so does that of the temporary table which a rewrite
    // fills.
    if (file === oid && !one.dropped.some((gone) => gone.file === file)) {
      one.whole = 'created';
      return;
    }
    one.whole = one.locked.has(file) ? 'rewritten' : 'truncated';
    const before = this.#before(one, oid);
    if (before === undefined) this.#followed.push(false);
    else this.#files.set(before, oid);
  }

  /**
   * Returns the file that a table had before a transaction replaced it. Dropped files are listed in reverse
   * order; if several tables were truncated at once, each is listed with its indexes after the previous one.
   */
  #before({ dropped, whole }: Committed, oid: number): number | undefined {
    const files = dropped.map(({ file }) => file);
    if (files.includes(oid)) return oid;
    return whole === 'rewritten' ? files[0] : files.at(-1);
  }

  #droppedTables(existing: ReadonlySet<number>): void {
    for (const one of new Set(this.#committed.values())) {
      // TRUNCATE and each rewrite of a table make as many files as they drop.
      if (one.touched || one.dropped.length <= one.created.length) continue;
      if ([...one.locked].every((oid) => existing.has(oid) || one.created.includes(oid))) continue;
      one.whole = 'dropped';
      this.#touch(one);
    }
  }

  #droppedDatabases(events: readonly WalEvent[]): void {
    for (const event of events) {
      const one = event.kind === 'files removed' ? this.#committed.get(event.xid) : undefined;
      if (!one) continue;
      one.whole = 'dropped';
      this.#touch(one);
    }
  }

  #touch(one: Committed): void {
    if (one.touched) return;
    one.touched = true;
    this.#found.push(one);
  }

  #complete(limit: number, oldest: number | undefined): boolean {
    if (oldest === undefined) return false;
    const newest = this.changes.slice(0, limit);
    return newest.length === limit && newest.every(({ transaction }) => !precedes(transaction, oldest));
  }

  /** Forgets transactions that began after a moment: they have no earlier changes. */
  #forget(next: number): void {
    for (const [xid, { xids }] of this.#committed) {
      if (xids.every((part) => !precedes(part, next))) this.#committed.delete(xid);
    }
  }
}

/**
 * Transaction ids wrap around: of two ids, `a` is the earlier one if `b` is less than half of the range after
 * it.
 */
function precedes(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
