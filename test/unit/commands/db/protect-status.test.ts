import { describe, expect, it } from 'vitest';
import { describe as say } from '../../../../src/commands/db/protect/status.js';
import type { ProtectionStatus } from '../../../../src/services/protection/status.js';

const NOW = new Date('2026-11-29T14:05:03Z');
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000);

const status: ProtectionStatus = {
  on: true,
  receiver: 'receiving',
  message: '',
  place: '/shop/backups/protection',
  windows: [{ from: ago(3600), until: ago(3) }],
  earlier: [],
  since: ago(3600),
  lagSeconds: 3,
  lagBytes: 0,
  bases: 1,
  newestBase: { id: '20261129T130503Z', endedAt: ago(3600), bytes: 4_000_000 },
  bytes: { bases: 4_000_000, wal: 16_777_216 },
  copy: null,
  drill: null,
  everySeconds: 86_400,
  keepSeconds: 604_800,
};

describe('db protect status', () => {
  it('says how far behind the copy is', () => {
    const lines = say(status, NOW).split('\n');
    expect(lines[0]).toBe('protected');
    expect(lines[2]).toBe('behind by 3.0 s, 0 B');
  });

  it('says in the first second that it is not known yet what is safe, and since when it receives', () => {
    const first = { ...status, windows: [], since: ago(0.6), lagSeconds: null };
    expect(say(first, NOW).split('\n').slice(0, 3)).toEqual([
      'protected',
      'nothing can be brought back yet',
      'the receiver began 600 ms ago, and looks every few seconds until when all is safe',
    ]);
  });

  it('says "protected" of nothing that has no base backup', () => {
    const without = { ...status, windows: [], bases: 0, newestBase: null };
    expect(say(without, NOW)).toMatch(/^not protected yet: the first base backup is not whole\n/);
    const failed = { ...without, message: 'the last base backup failed: No space left on device' };
    expect(say(failed, NOW)).toContain('No space left on device');
  });

  it('says of a receiver that waits what it waits for, and claims nothing of commits', () => {
    const waits = {
      ...status,
      receiver: 'waiting',
      message: 'the disk is full: 3 MB left',
      lagSeconds: null,
    };
    const said = say(waits as ProtectionStatus, NOW);
    expect(said).toMatch(/^not protected now: the disk is full/);
    expect(said).toContain('no commit is known to be safe yet');
    expect(say({ ...status, on: false, receiver: 'off' }, NOW)).toMatch(/^the protection is off\n/);
  });
});
