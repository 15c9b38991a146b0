import { describe, expect, it } from 'vitest';
import { parseHistory, parseLsn, parseSegment, segmentFile, segmentOf } from '../../../src/postgres/wal.js';

const MB = 1024 * 1024;

describe('the write-ahead log', () => {
  it.each([
    ['000000010000000000000001', 16 * MB, { timeline: 1, number: 1, partial: false }],
    ['0000000A00000002000000FF.partial', 16 * MB, { timeline: 10, number: 767, partial: true }],
    // With segments of 64 MB, there are 64 in each 4 GB.
    ['00000001000000020000003F', 64 * MB, { timeline: 1, number: 191, partial: false }],
  ])('reads and writes the name %s', (name, bytes, expected) => {
    const parsed = parseSegment(name, bytes);
    expect(parsed).toEqual(expected);
    expect(segmentFile(expected.timeline, expected.number, bytes)).toBe(name.replace('.partial', ''));
  });

  it.each(['00000002.history', 'SHA256SUMS', '000000010000000000000001.gz', '00000001000000000000000g'])(
    'takes %s for no segment',
    (name) => expect(parseSegment(name, 16 * MB)).toBeUndefined(),
  );

  it('finds the segment of a position, beyond the first 4 GB as well', () => {
    expect(segmentOf(parseLsn('0/2000028'), 16 * MB)).toBe(2);
    expect(segmentOf(parseLsn('1/0'), 16 * MB)).toBe(256);
    expect(segmentOf(parseLsn('1/0') - 1n, 16 * MB)).toBe(255);
  });

  it('reads where a timeline came from', () => {
    expect(parseHistory('1\t0/3000000\tbefore 2026\n\n2\t1/A0\tno recovery target specified\n')).toEqual([
      { timeline: 1, switchedAt: 0x3000000n },
      { timeline: 2, switchedAt: 0x1000000a0n },
    ]);
  });
});
