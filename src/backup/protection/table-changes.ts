import type { Lsn } from '../../postgres/wal.js';
import type { RelationFile, WalEvent } from '../../postgres/wal-records.js';

/** What a transaction did to a table. */
export interface TableChange {
  transaction: number;
  committedAt: Date;
  /** Where its commit lies. */
  lsn: Lsn;
  inserted: number;
  updated: number;
  deleted: number;
  /**
   * What happened to the whole table; null: to rows of it alone. `rewritten`: by VACUUM FULL, CLUSTER or ALTER TABLE,
   * with the same rows.
   */
  whole: 'created' | 'truncated' | 'rewritten' | 'dropped' | null;
}

/** What is looked for. */
export type Wanted =
  | {
      /** A table and, of a partitioned one, its partitions: by oid, with the file that each has now. */
      tables: readonly { oid: number; file: number }[];
      database: number;
    }
  | {
      /** Transactions that dropped a table, whichever it was: oids that there are now. */
      existing: ReadonlySet<number>;
      database: number;
    };

interface Committed extends TableChange {
  xids: number[];
  dropped: RelationFile[];
  /** Relations that it locked for itself alone. */
  locked: Set<number>;
  created: number[];
  touched: boolean;
}

/**
 * Puts together, from the newest part of the log to the oldest, what its transactions did to a table. A commit is known
 * before what it committed, so that what was not committed needs no memory.
 */
export class TableChanges {
  readonly #wanted: Wanted;
  /** File of a table to its oid: the one that it has now, and those that it had before. */
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

  /** False: the table had another file before, and which is not known. */
  get followed(): boolean {
    return this.#followed.length === 0;
  }

  /**
   * Takes the events of a part of the log, in their order; each part is older than the one before it.
   * @returns whether everything that the newest `limit` changes did is known.
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

  /** Newest first: the first of a transaction that is told is the last that it made. */
  #created({ xid, file: { file } }: Extract<WalEvent, { kind: 'created' }>): void {
    const one = this.#committed.get(xid);
    if (!one) return;
    one.created.unshift(file);
    const oid = this.#files.get(file);
    if (oid === undefined) return;
    this.#touch(one);
    // A new table's file has the number of its oid; so has that of the table which a rewrite fills.
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
   * The file that a table had before a transaction gave it another. What a transaction dropped is told last first, and
   * of several tables that were truncated at once one stands behind the other with its indexes.
   */
  #before({ dropped, whole }: Committed, oid: number): number | undefined {
    const files = dropped.map(({ file }) => file);
    if (files.includes(oid)) return oid;
    return whole === 'rewritten' ? files[0] : files.at(-1);
  }

  #droppedTables(existing: ReadonlySet<number>): void {
    for (const one of new Set(this.#committed.values())) {
      // TRUNCATE and whatever rewrites a table make as many files as they drop.
      if (one.touched || one.dropped.length <= one.created.length) continue;
      if ([...one.locked].every((oid) => existing.has(oid) || one.created.includes(oid))) continue;
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

  /** What began after a moment has nothing before it. */
  #forget(next: number): void {
    for (const [xid, { xids }] of this.#committed) {
      if (xids.every((part) => !precedes(part, next))) this.#committed.delete(xid);
    }
  }
}

/** Transactions are counted around: of two, the one is before the other that is less than half the way behind it. */
function precedes(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
