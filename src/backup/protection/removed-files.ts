import type { Lsn } from '../../postgres/wal.js';
import type { WalEvent } from '../../postgres/wal-records.js';

type Commit = Extract<WalEvent, { kind: 'commit' }>;

/**
 * Where a recovery has to stop so that no database is without its files. DROP DATABASE marks the database's row in
 * its place, removes the files, and is committed after that: a recovery that stops before the commit has the row, and
 * a database that nobody can connect to. It looks for a place to stop at commits alone, so that this is so for each
 * moment since the commit before (dropdb() in dbcommands.c, recoveryStopsBefore() in xlogrecovery.c).
 */
export class RemovedFiles {
  readonly #stopsAt: (commit: Commit) => boolean;
  /** Position of the last change in its place of a shared row. */
  readonly #marks = new Map<string, Lsn>();
  /** Position from which a transaction that deleted shared rows cannot be taken back. */
  readonly #begun = new Map<number, Lsn>();
  /** The same, of those that removed files and are not committed. */
  readonly #removed = new Map<number, Lsn>();

  /** @param stopsAt whether the recovery stops before a commit. */
  constructor(stopsAt: (commit: Commit) => boolean) {
    this.#stopsAt = stopsAt;
  }

  /**
   * Adds the events of a part of the log, in their order; each part follows the previous one.
   * @returns undefined: the recovery does not stop yet; `stop`: position before which it has to; null: it stops
   * at the right one by itself.
   */
  add(events: readonly WalEvent[]): { stop: Lsn | null } | undefined {
    for (const event of events) {
      if (event.kind === 'shared row') this.#sharedRow(event);
      else if (event.kind === 'files removed')
        this.#removed.set(event.xid, this.#begun.get(event.xid) ?? event.lsn);
      else if (event.kind === 'commit') {
        if (this.#stopsAt(event)) return { stop: this.#first() };
        this.#begun.delete(event.xid);
        this.#removed.delete(event.xid);
      }
    }
    return undefined;
  }

  #sharedRow({ xid, lsn, file, row, inPlace }: Extract<WalEvent, { kind: 'shared row' }>): void {
    const key = `${file}/${row}`;
    if (inPlace) this.#marks.set(key, lsn);
    else if (xid !== 0) {
      const mark = this.#marks.get(key);
      const known = this.#begun.get(xid);
      if (mark !== undefined) this.#begun.set(xid, known !== undefined && known < mark ? known : mark);
    }
  }

  #first(): Lsn | null {
    let first: Lsn | null = null;
    for (const lsn of this.#removed.values()) if (first === null || lsn < first) first = lsn;
    return first;
  }
}
