import { describe, expect, it } from 'vitest';
import { TableChanges } from '../../../../src/backup/protection/table-changes.js';
import type { WalEvent } from '../../../../src/postgres/wal-records.js';

const file = (number: number, database = 5) => ({ database, file: number });
const rows = (xid: number, of: number, inserted = 1): WalEvent => ({
  kind: 'rows',
  xid,
  file: file(of),
  inserted,
  updated: 0,
  deleted: 0,
});
const commit = (xid: number, second: number, more: Partial<WalEvent> = {}): WalEvent =>
  ({
    kind: 'commit',
    xid,
    lsn: BigInt(second),
    at: new Date(second * 1000),
    parts: [],
    dropped: [],
    ...more,
  }) as WalEvent;
const told = (changes: TableChanges) =>
  changes.changes.map(({ transaction, inserted, whole }) => [transaction, inserted, whole]);

describe('changes of a table', () => {
  it('are those that were committed, with their parts, and of the table alone', () => {
    const changes = new TableChanges({ tables: [{ oid: 100, file: 100 }], database: 5 });
    changes.add(
      [rows(1, 100), rows(2, 100), rows(3, 100), rows(3, 200), commit(3, 10, { parts: [4] }), rows(5, 100)],
      9,
    );
    changes.add([rows(4, 100, 7), commit(1, 5)], 9);
    expect(told(changes)).toEqual([[3, 8, null]]);
  });

  it('of a commit that is in a later part of the log count', () => {
    const changes = new TableChanges({ tables: [{ oid: 100, file: 100 }], database: 5 });
    changes.add([commit(3, 10)], 9);
    changes.add([rows(3, 100, 2)], 9);
    changes.add([rows(3, 100, 3)], 9);
    expect(told(changes)).toEqual([[3, 5, null]]);
  });

  it('are followed to the file that the table had before', () => {
    const changes = new TableChanges({ tables: [{ oid: 100, file: 300 }], database: 5 });
    changes.add(
      [
        rows(1, 100, 4),
        commit(1, 1),
        { kind: 'locked', xid: 2, database: 5, relation: 100 },
        { kind: 'created', xid: 2, file: file(300) },
        commit(2, 2, { dropped: [file(101), file(100)] }),
        rows(3, 300),
        commit(3, 3),
      ],
      9,
    );
    expect(told(changes)).toEqual([
      [3, 1, null],
      [2, 0, 'truncated'],
      [1, 4, null],
    ]);
    expect(changes.followed).toBe(true);
  });

  it('are enough when nothing older belongs to the newest of them, also where numbers begin anew', () => {
    const changes = new TableChanges({ tables: [{ oid: 100, file: 100 }], database: 5 });
    const last = 0xffff_fff0;
    expect(changes.add([{ kind: 'snapshot', next: last }, rows(5, 100), commit(5, 9)], 2)).toBe(false);
    expect(changes.add([rows(last, 100), commit(last, 8)], 2)).toBe(false);
    expect(changes.add([{ kind: 'snapshot', next: last }], 2)).toBe(true);
    expect(told(changes)).toEqual([
      [5, 1, null],
      [last, 1, null],
    ]);
  });

  it('of a table that is gone are the transactions that dropped one', () => {
    const changes = new TableChanges({ existing: new Set([100]), database: 5 });
    changes.add(
      [
        { kind: 'locked', xid: 2, database: 5, relation: 100 },
        { kind: 'created', xid: 2, file: file(300) },
        commit(2, 2, { dropped: [file(100)] }),
        { kind: 'locked', xid: 3, database: 5, relation: 200 },
        commit(3, 3, { dropped: [file(200)] }),
        { kind: 'locked', xid: 4, database: 6, relation: 201 },
        commit(4, 4, { dropped: [file(201, 6)] }),
      ],
      9,
    );
    expect(told(changes)).toEqual([[3, 0, 'dropped']]);
  });
});
