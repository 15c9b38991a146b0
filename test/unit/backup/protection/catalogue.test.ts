import { describe, expect, it } from 'vitest';
import {
  type Base,
  type Catalogue,
  planEverything,
  planRecovery,
  type SegmentRun,
  windowsOf,
} from '../../../../src/backup/protection/catalogue.js';
import { endOf, parseReceiverNote } from '../../../../src/backup/protection/place.js';
import { parseSegment, segmentFile } from '../../../../src/postgres/wal.js';

const SEGMENT = 16 * 1024 * 1024;

/** Minutes after noon. */
const minute = (minutes: number) => new Date(Date.UTC(2026, 10, 29, 12, minutes));

function base(id: string, timeline: number, segment: number, ended: number): Base {
  const start = BigInt(segment * SEGMENT) + 0x28n;
  return {
    id,
    folder: `/place/bases/${id}`,
    timeline,
    startLsn: start,
    endLsn: start + 0xd8n,
    startedAt: minute(ended),
    endedAt: minute(ended),
    bytes: 1,
  };
}

/** Segments of a run; segment `n` was last written to in minute `n`. A `p` at the end: partial. */
function run(name: string, ...numbers: (number | string)[]): SegmentRun {
  const timeline = Number.parseInt(name.slice(0, 8), 16);
  return {
    name,
    timeline,
    segments: numbers.map((number) => {
      const file = `${segmentFile(timeline, Number.parseInt(String(number), 10), SEGMENT)}${String(number).endsWith('p') ? '.partial' : ''}`;
      const parsed = parseSegment(file, SEGMENT);
      if (!parsed) throw new Error(file);
      return { ...parsed, run: name, file, bytes: SEGMENT, changedAt: minute(parsed.number) };
    }),
  };
}

function catalogue(parts: Partial<Catalogue>): Catalogue {
  return {
    segmentBytes: SEGMENT,
    bases: [],
    unreadable: [],
    runs: [],
    histories: new Map(),
    live: [{ at: minute(0), timeline: 1 }],
    ...parts,
  };
}

const spoken = (found: Catalogue) =>
  windowsOf(found).map(({ from, until }) => [from.getUTCMinutes(), until.getUTCMinutes()]);

describe('what can be brought back', () => {
  it('begins with the end of a base, and ends with the last moment that is covered', () => {
    const found = catalogue({
      bases: [base('a', 1, 2, 2)],
      runs: [run('00000001-0001', 1, 2, 3, '4p')],
      covered: minute(9),
    });
    expect(spoken(found)).toEqual([[2, 9]]);
    expect(planRecovery(found, minute(1))).toBeUndefined();
    expect(planRecovery(found, minute(10))).toBeUndefined();
    expect(planRecovery(found, minute(5))?.segments.map(({ file }) => file.slice(-10))).toEqual([
      '0000000002',
      '0000000003',
      '04.partial',
    ]);
  });

  it('is nothing without a base, and nothing while the WAL of a base is not all here', () => {
    expect(spoken(catalogue({ runs: [run('00000001-0001', 1, 2)], covered: minute(9) }))).toEqual([]);
    expect(
      spoken(
        catalogue({ bases: [base('a', 1, 5, 5)], runs: [run('00000001-0001', 1, 2)], covered: minute(9) }),
      ),
    ).toEqual([]);
  });

  it('ends before a segment that is missing, and begins again with the next base', () => {
    const found = catalogue({
      bases: [base('a', 1, 2, 2), base('b', 1, 7, 7)],
      runs: [run('00000001-0001', 2, 3, 5, 6, 7, '8p')],
      covered: minute(9),
    });
    expect(spoken(found)).toEqual([
      [2, 3],
      [7, 9],
    ]);
    expect(planRecovery(found, minute(5))).toBeUndefined();
    expect(planRecovery(found)?.base.id).toBe('b');
  });

  it('takes no segment that was cut off for a whole one, and the whole one of another run for it', () => {
    const cut = { bases: [base('a', 1, 2, 2)], covered: minute(9) };
    const gap = catalogue({ ...cut, runs: [run('00000001-0001', 2, '3p'), run('00000001-0002', 4, '5p')] });
    expect(spoken(gap)).toEqual([[2, 3]]);
    const none = catalogue({ ...cut, runs: [run('00000001-0001', 2, '3p'), run('00000001-0002', 3, '4p')] });
    expect(spoken(none)).toEqual([[2, 9]]);
  });

  it('takes the newest base before the moment', () => {
    const found = catalogue({
      bases: [base('a', 1, 2, 2), base('b', 1, 4, 4)],
      runs: [run('00000001-0001', 2, 3, 4, 5, '6p')],
      covered: minute(9),
    });
    expect([3, 4, 9].map((at) => planRecovery(found, minute(at))?.base.id)).toEqual(['a', 'b', 'b']);
  });

  describe('after a restore to minute 3, made in minute 6', () => {
    const restored = catalogue({
      bases: [base('a', 1, 2, 2)],
      runs: [run('00000001-0001', 2, 3, 4, '5p'), run('00000002-0001', 3, 4, '5p')],
      histories: new Map([[2, [{ timeline: 1, switchedAt: BigInt(3 * SEGMENT) + 100n }]]]),
      live: [
        { at: minute(0), timeline: 1 },
        { at: minute(6), timeline: 2 },
      ],
      covered: minute(9),
    });

    it('has the time before it as it was then', () => {
      expect(planRecovery(restored, minute(5))).toMatchObject({ timeline: 1 });
      expect(planRecovery(restored, minute(5))?.segments.map(({ timeline }) => timeline)).toEqual([
        1, 1, 1, 1,
      ]);
    });

    it('leads over to the time after it from a base of before', () => {
      const plan = planRecovery(restored, minute(8));
      expect(plan).toMatchObject({ timeline: 2, base: { id: 'a' } });
      expect(plan?.segments.map(({ timeline, number }) => [timeline, number])).toEqual([
        [1, 2],
        [2, 3],
        [2, 4],
        [2, 5],
      ]);
      expect(spoken(restored)).toEqual([[2, 9]]);
    });

    it('has all of the live WAL from the oldest base on that leads to it', () => {
      const later = { ...restored, bases: [...restored.bases, base('new', 2, 5, 7)] };
      expect(planRecovery(later)?.base.id).toBe('new');
      const plan = planEverything(later);
      expect(plan).toMatchObject({ timeline: 2, base: { id: 'a' } });
      expect(plan?.segments.map(({ timeline, number }) => [timeline, number])).toEqual([
        [1, 2],
        [2, 3],
        [2, 4],
        [2, 5],
      ]);
    });

    it('has what was received since, although no moment is known to be covered yet', () => {
      for (const covered of [minute(4), minute(6)]) {
        const soon = { ...restored, covered };
        expect(planRecovery(soon)).toMatchObject({ timeline: 2, base: { id: 'a' }, toEnd: true });
        expect(planRecovery(soon)?.segments.at(-1)).toMatchObject({ timeline: 2, number: 5, partial: true });
        expect(planEverything(soon)).toMatchObject({ timeline: 2 });
        expect(spoken(soon)).toEqual([[2, 6]]);
        expect(planRecovery(soon, minute(7))).toBeUndefined();
      }
    });

    it('takes a new base for that only when the WAL is here that it needs', () => {
      const soon = { ...restored, covered: minute(6), bases: [...restored.bases, base('new', 2, 5, 7)] };
      const end = (offset: bigint) => BigInt(5 * SEGMENT) + offset;
      expect(planRecovery(soon)?.base.id).toBe('a');
      expect(planRecovery({ ...soon, end: end(0x28n) })?.base.id).toBe('a');
      expect(planRecovery({ ...soon, end: end(0x100n) })?.base.id).toBe('new');
    });

    it('takes no base that was taken behind the point where the timelines part', () => {
      const late = { ...restored, bases: [...restored.bases, base('late', 1, 4, 4)] };
      expect(planRecovery(late, minute(5))?.base.id).toBe('late');
      expect(planRecovery(late, minute(8))?.base.id).toBe('a');
    });
  });
});

describe('how far the receiver had come', () => {
  const live = [
    { at: minute(0), timeline: 1 },
    { at: minute(6), timeline: 2 },
  ];
  const note = (text: string) => endOf(parseReceiverNote(text), live);

  it('is a position of the timeline of its note alone', () => {
    expect(note('state=receiving\nat=60\ncovered=50\nlsn=0/5000000\ntimeline=2\n').end).toBe(0x5000000n);
    const before = note('state=waiting\nat=60\ncovered=50\nlsn=0/9000000\ntimeline=1\n');
    expect(before).toEqual({ covered: new Date(50_000) });
  });
});
