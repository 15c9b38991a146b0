import { type Ancestor, type Lsn, type SegmentName, segmentOf } from '../../postgres/wal.js';

/** A base: the files of a server, from which replay of WAL begins. */
export interface Base {
  id: string;
  folder: string;
  timeline: number;
  startLsn: Lsn;
  /** The first position at which a server made from the base is consistent. */
  endLsn: Lsn;
  startedAt: Date;
  endedAt: Date;
  bytes: number;
  /** Name of the base whose later changes it holds; absent: it is a full base. */
  parent?: string;
}

export interface Segment extends SegmentName {
  /** Folder of its WAL run. */
  run: string;
  file: string;
  bytes: number;
  changedAt: Date;
}

/** A continuous sequence of WAL from one slot. */
export interface SegmentRun {
  name: string;
  timeline: number;
  segments: Segment[];
}

/** Everything in the protection's place. */
export interface Catalogue {
  segmentBytes: number;
  /** Oldest first. */
  bases: Base[];
  /** Marks of bases that cannot be read: nothing can be restored from those. */
  unreadable: string[];
  runs: SegmentRun[];
  /** Ancestors of each timeline that has any. */
  histories: ReadonlyMap<number, Ancestor[]>;
  /** The live server's timelines with their start times, oldest first. */
  live: { at: Date; timeline: number }[];
  /** Everything that was committed until then is stored here. */
  covered?: Date;
  /** End of the stored WAL on the live timeline, when the receiver last looked. */
  end?: Lsn;
}

/** A span of time of which every second can be restored. */
export interface Window {
  from: Date;
  until: Date;
}

/** The parts that are needed to restore one moment. */
export interface RecoveryPlan {
  base: Base;
  /** The base, last, and those that it builds on, oldest first. */
  chain: Base[];
  timeline: number;
  /** WAL segments from the base on, in order, without duplicates. */
  segments: Segment[];
  /** True: the stored WAL ends with this moment, or before the next known one. */
  toEnd: boolean;
}

interface Reach {
  base: Base;
  timeline: number;
  /** The last segment that is stored after the base without a gap. */
  last: Segment;
  from: Date;
  /** Before `from`: it has WAL, of which no moment is known to be complete yet. */
  until: Date;
  /** True: its WAL is all that was received of the live server. */
  toLiveEnd: boolean;
  plan(): Pick<RecoveryPlan, 'base' | 'chain' | 'timeline' | 'segments'>;
}

/** Returns the moments that can be restored, as spans without a gap, oldest first. */
export function windowsOf(catalogue: Catalogue): Window[] {
  const stretches = reaches(catalogue)
    .filter(({ from, until }) => from <= until)
    .map(({ from, until }) => ({ from, until }))
    .sort((a, b) => a.from.getTime() - b.from.getTime());
  const windows: Window[] = [];
  for (const { from, until } of stretches) {
    const last = windows.at(-1);
    if (last && from <= last.until) last.until = new Date(Math.max(+last.until, +until));
    else windows.push({ from, until });
  }
  return windows;
}

/**
 * Returns the newest base from which a moment can be reached, and the WAL after it.
 * @param moment undefined: the last one that is stored.
 * @returns undefined if no window contains the moment.
 */
export function planRecovery(catalogue: Catalogue, moment?: Date): RecoveryPlan | undefined {
  const found = reaches(catalogue).filter(
    ({ from, until }) => moment === undefined || (from <= moment && moment <= until),
  );
  const best = (moment === undefined ? toLatest(found) : found)
    .sort((a, b) => b.base.endedAt.getTime() - a.base.endedAt.getTime())
    .at(0);
  if (!best) return undefined;
  return { ...best.plan(), toEnd: moment === undefined };
}

/**
 * Returns the oldest base from which the last moment can be reached, and the WAL after it: all that the live
 * server has written since, also across restores.
 */
export function planEverything(catalogue: Catalogue): RecoveryPlan | undefined {
  const [oldest] = toLatest(reaches(catalogue)).sort(
    (a, b) => a.base.endedAt.getTime() - b.base.endedAt.getTime(),
  );
  return oldest && { ...oldest.plan(), toEnd: true };
}

/**
 * Those that lead to the last commit that was received. After the live server went over to another timeline, that is
 * later than the moment that all is known to be complete until, which the receiver tells some seconds later.
 */
function toLatest(found: readonly Reach[]): Reach[] {
  const live = found.filter(({ toLiveEnd }) => toLiveEnd);
  if (live.length > 0) return live;
  const latest = found.reduce((max, { until }) => Math.max(max, until.getTime()), 0);
  return found.filter(({ until }) => until.getTime() === latest);
}

/** Returns the stored WAL of the live server, newest first, without WAL that a restore made obsolete. */
export function liveWal(catalogue: Catalogue): Segment[] {
  const timeline = catalogue.live.at(-1)?.timeline;
  if (timeline === undefined) return [];
  return segmentsOf(storedBy(catalogue), lineageOf(catalogue, timeline), catalogue.segmentBytes).toReversed();
}

/**
 * Returns the newest base from which the live server's WAL reaches a position without a gap.
 * @param lsn of a record, which is not replayed.
 */
export function planBefore(catalogue: Catalogue, lsn: Lsn): RecoveryPlan | undefined {
  const timeline = catalogue.live.at(-1)?.timeline;
  const [best] = reaches(catalogue)
    .filter((reach) => reach.timeline === timeline && reach.base.endLsn <= lsn)
    .filter(({ last }) => last.number >= segmentOf(lsn, catalogue.segmentBytes))
    .sort((a, b) => b.base.endedAt.getTime() - a.base.endedAt.getTime());
  return best && { ...best.plan(), toEnd: false };
}

/**
 * Returns a base and those that it builds on, oldest first; undefined if one of them is missing.
 * @param bases by their ids.
 */
export function chainOf(bases: ReadonlyMap<string, Base>, base: Base): Base[] | undefined {
  const chain = [base];
  for (let { parent } = base; parent !== undefined; ) {
    const found = bases.get(parent);
    if (!found || chain.includes(found)) return undefined;
    chain.unshift(found);
    parent = found.parent;
  }
  return chain;
}

/** Bases by their ids. */
export function basesById(bases: readonly Base[]): ReadonlyMap<string, Base> {
  return new Map(bases.map((base) => [base.id, base]));
}

/** Returns how far each base reaches on each timeline while that was the live one. */
function reaches(catalogue: Catalogue): Reach[] {
  const { live, segmentBytes } = catalogue;
  const byId = basesById(catalogue.bases);
  const bases = catalogue.bases.flatMap((base) => {
    const chain = chainOf(byId, base);
    const first = segmentOf(base.startLsn, segmentBytes);
    // The last byte that it needs, not the first one after it.
    const needed = segmentOf(base.endLsn - 1n, segmentBytes);
    return chain ? [{ base, chain, first, needed }] : [];
  });
  const stored = storedBy(catalogue);
  const stretches = new Map<number, Stretches>();
  return live.flatMap(({ at, timeline }, index): Reach[] => {
    const liveUntil = live[index + 1]?.at;
    const lineage = lineageOf(catalogue, timeline);
    const known = stretches.get(timeline) ?? stretchesOf(segmentsOf(stored, lineage, segmentBytes));
    stretches.set(timeline, known);
    const highest = stored.get(timeline)?.highest;
    return bases.flatMap(({ base, chain, first, needed }): Reach[] => {
      if (!lineage.has(base.timeline)) return [];
      const switchedAt = lineage.get(base.timeline);
      if (switchedAt !== undefined && base.endLsn > switchedAt) return [];
      const last = known.lastFrom(first);
      if (!last || last.number < needed) return [];
      const from = new Date(Math.max(base.endedAt.getTime(), index === 0 ? 0 : at.getTime()));
      const isLast = last.timeline === timeline && last.number === highest;
      const until = isLast ? (liveUntil ?? catalogue.covered ?? last.changedAt) : last.changedAt;
      const toLiveEnd = liveUntil === undefined && isLast && isWhole(catalogue, base, until);
      if (until < from && !toLiveEnd) return [];
      const plan = () => ({ base, chain, timeline, segments: known.from(first) });
      return [{ base, timeline, last, from, until, toLiveEnd, plan }];
    });
  });
}

/** A timeline and its ancestors, newest first, each with the position at which the next one branched off. */
type Lineage = ReadonlyMap<number, Lsn | undefined>;

function lineageOf({ histories }: Catalogue, timeline: number): Lineage {
  const ancestors = histories.get(timeline) ?? [];
  return new Map([
    [timeline, undefined],
    ...ancestors.toReversed().map((one) => [one.timeline, one.switchedAt] as const),
  ]);
}

/** The segments of one timeline. */
interface Stored {
  /** In order, without duplicates; a complete one rather than one that is not. */
  segments: Segment[];
  /** Their highest number. */
  highest: number;
}

function storedBy({ runs }: Catalogue): ReadonlyMap<number, Stored> {
  const found = new Map<number, Map<number, Segment>>();
  for (const { segments } of runs) {
    for (const segment of segments) {
      const { timeline, number, partial } = segment;
      const of = found.get(timeline) ?? new Map<number, Segment>();
      found.set(timeline, of);
      if (of.get(number)?.partial !== false || !partial) of.set(number, segment);
    }
  }
  return new Map(
    [...found].map(([timeline, of]) => {
      const segments = [...of.values()].sort((a, b) => a.number - b.number);
      return [timeline, { segments, highest: segments.at(-1)?.number ?? 0 }];
    }),
  );
}

/** Returns the segments of a lineage in order, each of the newest timeline that has it. */
function segmentsOf(stored: ReadonlyMap<number, Stored>, lineage: Lineage, segmentBytes: number): Segment[] {
  const found: Segment[] = [];
  for (const [timeline, switchedAt] of [...lineage].reverse()) {
    const { segments, highest } = stored.get(timeline) ?? { segments: [], highest: 0 };
    const end = switchedAt === undefined ? highest : segmentOf(switchedAt - 1n, segmentBytes);
    // A newer timeline begins near the end of the one before it.
    const overlap = found.splice(indexFrom(found, segments[0]?.number ?? Number.POSITIVE_INFINITY));
    let at = 0;
    for (const segment of segments) {
      if (segment.number > end) break;
      for (; (overlap[at]?.number ?? Number.POSITIVE_INFINITY) <= segment.number; at += 1) {
        const older = overlap[at] as Segment;
        if (older.number < segment.number) found.push(older);
      }
      found.push(segment);
    }
    for (; at < overlap.length; at += 1) found.push(overlap[at] as Segment);
  }
  return found;
}

/** Index of the first segment with this number or a higher one, by halving. */
function indexFrom(segments: readonly Segment[], number: number): number {
  let [low, high] = [0, segments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle] as Segment).number < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Stretches of WAL without a gap. */
interface Stretches {
  /** The segment with a number, and those after it until the first missing one. */
  from(number: number): Segment[];
  /** The last of them; undefined: there is none with that number. */
  lastFrom(number: number): Segment | undefined;
}

/** @param segments of a lineage, in order. */
function stretchesOf(segments: readonly Segment[]): Stretches {
  // The index of the last one of each one's stretch.
  const ends = new Uint32Array(segments.length);
  for (let index = segments.length - 1; index >= 0; index -= 1) {
    const [one, next] = [segments[index] as Segment, segments[index + 1]];
    // After a segment that was cut off it is unknown whether WAL is missing, unless a later timeline
    // continues there.
    const goesOn = next?.number === one.number + 1 && !(one.partial && next.timeline === one.timeline);
    ends[index] = goesOn ? (ends[index + 1] as number) : index;
  }
  const find = (number: number) => {
    const at = indexFrom(segments, number);
    return segments[at]?.number === number ? at : undefined;
  };
  return {
    from(number) {
      const at = find(number);
      return at === undefined ? [] : segments.slice(at, (ends[at] as number) + 1);
    },
    lastFrom(number) {
      const at = find(number);
      return at === undefined ? undefined : segments[ends[at] as number];
    },
  };
}

/** Whether the WAL is stored up to the position at which a base is consistent; a segment may be stored in part. */
function isWhole({ end }: Catalogue, base: Base, until: Date): boolean {
  return end === undefined ? base.endedAt <= until : base.endLsn <= end;
}
