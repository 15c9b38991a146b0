import { describe, expect, it } from 'vitest';
import { RemovedFiles } from '../../../../src/backup/protection/removed-files.js';
import type { WalEvent } from '../../../../src/postgres/wal-records.js';

const DATABASES = 1262;
const shared = (xid: number, lsn: number, row: number, inPlace: boolean): WalEvent => ({
  kind: 'shared row',
  xid,
  lsn: BigInt(lsn),
  file: DATABASES,
  row,
  inPlace,
});
const mark = (lsn: number, row = 3) => shared(0, lsn, row, true);
const deletion = (xid: number, lsn: number, row = 3) => shared(xid, lsn, row, false);
const removal = (xid: number, lsn: number): WalEvent => ({ kind: 'files removed', xid, lsn: BigInt(lsn) });
const commit = (xid: number, lsn: number): WalEvent => ({
  kind: 'commit',
  xid,
  lsn: BigInt(lsn),
  at: new Date(lsn * 1000),
  parts: [],
  dropped: [],
});
/** A recovery to the second 50. */
const recovery = () => new RemovedFiles(({ at }) => at > new Date(50_000));

describe('a recovery to a moment', () => {
  it('stops before the mark of a DROP DATABASE that it would stop in', () => {
    const drop = [mark(40), deletion(7, 41), removal(7, 42), commit(7, 60)];
    expect(recovery().add([commit(6, 30), ...drop])).toEqual({ stop: 40n });
  });

  it('does so where the parts of the DROP are in different parts of the log', () => {
    const removed = recovery();
    expect(removed.add([mark(40)])).toBeUndefined();
    expect(removed.add([deletion(7, 41), removal(7, 42)])).toBeUndefined();
    expect(removed.add([commit(7, 60)])).toEqual({ stop: 40n });
  });

  it('goes by the mark of the row that was deleted, and by its newest', () => {
    const drop = [mark(10), mark(40), mark(41, 9), deletion(7, 42), removal(7, 43), commit(7, 60)];
    expect(recovery().add(drop)).toEqual({ stop: 40n });
  });

  it('stops before the files are removed where the server marks no rows, as 15.0', () => {
    expect(recovery().add([deletion(7, 41), removal(7, 42), commit(7, 60)])).toEqual({ stop: 42n });
  });

  it('stops before the first of several', () => {
    const two = [mark(40), deletion(7, 41), removal(7, 42), mark(43, 4), deletion(8, 44, 4), removal(8, 45)];
    expect(recovery().add([...two, commit(8, 60), commit(7, 61)])).toEqual({ stop: 40n });
  });

  it('stops by itself after a DROP that is committed, and before one that begins later', () => {
    const drop = [mark(20), deletion(7, 21), removal(7, 22), commit(7, 23)];
    expect(recovery().add([...drop, commit(8, 60)])).toEqual({ stop: null });
    expect(recovery().add([commit(8, 60), mark(70), deletion(9, 71), removal(9, 72)])).toEqual({
      stop: null,
    });
  });
});
