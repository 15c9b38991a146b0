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
  chain: Base[];
  timeline: number;
  segments: Segment[];
  from: Date;
  /** Before `from`: it has WAL, of which no moment is known to be complete yet. */
  until: Date;
  /** True: its WAL is all that was received of the live server. */
  toLiveEnd: boolean;
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
  const { base, chain, timeline, segments } = best;
  return { base, chain, timeline, segments, toEnd: moment === undefined };
}

/**
 * Returns the oldest base from which the last moment can be reached, and the WAL after it: all that the live
 * server has written since, also across restores.
 */
export function planEverything(catalogue: Catalogue): RecoveryPlan | undefined {
  const [oldest] = toLatest(reaches(catalogue)).sort(
    (a, b) => a.base.endedAt.getTime() - b.base.endedAt.getTime(),
  );
  if (!oldest) return undefined;
  const { base, chain, timeline, segments } = oldest;
  return { base, chain, timeline, segments, toEnd: true };
}

/**
 * Those that lead to the last commit that was received. After the live server went over to another timeline, that is
 * later than the moment that all is known to be complete until, which the receiver tells some seconds later.
 */
function toLatest(found: readonly Reach[]): Reach[] {
  const live = found.filter(({ toLiveEnd }) => toLiveEnd);
  if (live.length > 0) return live;
  const latest = Math.max(...found.map(({ until }) => until.getTime()));
  return found.filter(({ until }) => until.getTime() === latest);
}

/** Returns the stored WAL of the live server, newest first, without WAL that a restore made obsolete. */
export function liveWal(catalogue: Catalogue): Segment[] {
  const timeline = catalogue.live.at(-1)?.timeline;
  if (timeline === undefined) return [];
  return [...segmentsOf(catalogue, lineageOf(catalogue, timeline)).values()].sort(
    (a, b) => b.number - a.number,
  );
}

/**
 * Returns the newest base from which the live server's WAL reaches a position without a gap.
 * @param lsn of a record, which is not replayed.
 */
export function planBefore(catalogue: Catalogue, lsn: Lsn): RecoveryPlan | undefined {
  const timeline = catalogue.live.at(-1)?.timeline;
  const [best] = reaches(catalogue)
    .filter((reach) => reach.timeline === timeline && reach.base.endLsn <= lsn)
    .filter(({ segments }) => (segments.at(-1)?.number ?? -1) >= segmentOf(lsn, catalogue.segmentBytes))
    .sort((a, b) => b.base.endedAt.getTime() - a.base.endedAt.getTime());
  if (!best) return undefined;
  const { base, chain, timeline: from, segments } = best;
  return { base, chain, timeline: from, segments, toEnd: false };
}

/** Returns a base and those that it builds on, oldest first; undefined if one of them is missing. */
export function chainOf(bases: readonly Base[], base: Base): Base[] | undefined {
  const chain = [base];
  for (let { parent } = base; parent !== undefined; ) {
    const found = bases.find(({ id }) => id === parent);
    if (!found || chain.includes(found)) return undefined;
    chain.unshift(found);
    parent = found.parent;
  }
  return chain;
}

/** Returns how far each base reaches on each timeline while that was the live one. */
function reaches(catalogue: Catalogue): Reach[] {
  const { bases, live, segmentBytes } = catalogue;
  return live.flatMap(({ at, timeline }, index): Reach[] => {
    const liveUntil = live[index + 1]?.at;
    const lineage = lineageOf(catalogue, timeline);
    return bases.flatMap((base): Reach[] => {
      const chain = chainOf(bases, base);
      const own = lineage.find((one) => one.timeline === base.timeline);
      if (!chain || !own || (own.switchedAt !== undefined && base.endLsn > own.switchedAt)) return [];
      const segments = contiguous(catalogue, lineage, segmentOf(base.startLsn, segmentBytes));
      const last = segments.at(-1);
      // The last byte that it needs, not the first one after it.
      if (!last || last.number < segmentOf(base.endLsn - 1n, segmentBytes)) return [];
      const from = new Date(Math.max(base.endedAt.getTime(), index === 0 ? 0 : at.getTime()));
      const until = untilOf(catalogue, last, timeline, liveUntil);
      const toLiveEnd =
        liveUntil === undefined && isLastOf(catalogue, last, timeline) && isWhole(catalogue, base, until);
      return until < from && !toLiveEnd ? [] : [{ base, chain, timeline, segments, from, until, toLiveEnd }];
    });
  });
}

/**
 * Returns a timeline and its ancestors, newest first, each with the position at which the next one branched
 * off.
 */
function lineageOf(
  { histories }: Catalogue,
  timeline: number,
): { timeline: number; switchedAt: Lsn | undefined }[] {
  const ancestors = histories.get(timeline) ?? [];
  return [{ timeline, switchedAt: undefined }, ...ancestors.toReversed()];
}

/**
 * Returns the segments of a lineage by number, without duplicates: complete ones, of the newest timeline that
 * has them.
 */
function segmentsOf(
  { runs, segmentBytes }: Catalogue,
  lineage: readonly { timeline: number; switchedAt: Lsn | undefined }[],
): Map<number, Segment> {
  const newestFirst = new Map<number, Segment>();
  for (const { timeline, switchedAt } of lineage) {
    for (const segment of runs.flatMap((run) => run.segments)) {
      if (segment.timeline !== timeline) continue;
      if (switchedAt !== undefined && segment.number > segmentOf(switchedAt - 1n, segmentBytes)) continue;
      const known = newestFirst.get(segment.number);
      if (!known || (known.timeline === timeline && (known.partial || !segment.partial))) {
        newestFirst.set(segment.number, segment);
      }
    }
  }
  return newestFirst;
}

/** Returns the segments of the lineage from one segment on, until the first missing one. */
function contiguous(
  catalogue: Catalogue,
  lineage: readonly { timeline: number; switchedAt: Lsn | undefined }[],
  first: number,
): Segment[] {
  const newestFirst = segmentsOf(catalogue, lineage);
  const found: Segment[] = [];
  for (let number = first; ; number += 1) {
    const segment = newestFirst.get(number);
    if (!segment) return found;
    found.push(segment);
    // After a segment that was cut off it is unknown whether WAL is missing, unless a later timeline
    // continues there.
    if (segment.partial && newestFirst.get(number + 1)?.timeline === segment.timeline) return found;
  }
}

/** Whether the WAL is stored up to the position at which a base is consistent; a segment may be stored in part. */
function isWhole({ end }: Catalogue, base: Base, until: Date): boolean {
  return end === undefined ? base.endedAt <= until : base.endLsn <= end;
}

function isLastOf({ runs }: Catalogue, last: Segment, timeline: number): boolean {
  const newest = runs
    .flatMap((run) => run.segments)
    .filter((segment) => segment.timeline === timeline)
    .every(({ number }) => number <= last.number);
  return newest && last.timeline === timeline;
}

/** Returns until when the WAL that ends with `last` is known to be complete. */
function untilOf(catalogue: Catalogue, last: Segment, timeline: number, liveUntil: Date | undefined): Date {
  const { covered } = catalogue;
  if (!isLastOf(catalogue, last, timeline)) return last.changedAt;
  if (liveUntil !== undefined) return liveUntil;
  return covered ?? last.changedAt;
}
