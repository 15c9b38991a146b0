import { describe, expect, it } from 'vitest';
import { receiverMessage } from '../../../../src/backup/protection/receiver-state.js';

describe('why nothing is received', () => {
  const record = { file: import.meta.filename } as never;
  const said = (message: string) =>
    receiverMessage('waiting', {
      note: { state: 'waiting', message, at: new Date() } as never,
      record,
      baseFailed: undefined,
      unreadable: [],
    });

  it.each([
    ['psql: error: could not translate host name "db" to address: Name or service not known', 'invctl up'],
    [
      'pg_receivewal: error: could not receive data from WAL stream: server closed the connection',
      'invctl up',
    ],
    ['pg_receivewal: error: replication stream was terminated before stop point', 'invctl up'],
    [
      'psql: error: connection to server at "db" (172.25.0.2), port 5432 failed: Connection refused',
      'db restore',
    ],
    [
      'psql: error: … FATAL:  password authentication failed for user "invctl_protect"',
      'invctl db protect on',
    ],
    [
      'psql: error: … FATAL:  no pg_hba.conf entry for replication connection from host "172.25.0.3"',
      'pg_hba.conf of the database',
    ],
    [
      'FATAL:  number of requested standby connections exceeds "max_wal_senders" (currently 0)',
      'raise max_wal_senders',
    ],
  ])('is told by what it means: %s', (message, meaning) => {
    expect(said(message)).toContain(meaning);
    expect(said(message)).not.toContain('error');
  });

  it.each(['the disk is full: 4 MB are left', 'psql: Fehler: das gibt es nicht'])(
    'is told as it is: %s',
    (message) => {
      expect(said(message)).toBe(message);
    },
  );
});
