import { type Ancestor, type Lsn, type SegmentName, segmentOf } from '../../postgres/wal.js';

/** A base backup: the files of a server, from which WAL leads on. */
export interface Base {
  id: string;
  folder: string;
  timeline: number;
  startLsn: Lsn;
  /** The first position at which a server made of it is whole. */
  endLsn: Lsn;
  startedAt: Date;
  endedAt: Date;
  bytes: number;
  /** Name of the base that it holds the changes to; absent: it is whole by itself. */
  parent?: string;
}

export interface Segment extends SegmentName {
  /** Folder that it lies in. */
  run: string;
  file: string;
  bytes: number;
  changedAt: Date;
}

/** A stretch of WAL that one slot gave. */
export interface Run {
  name: string;
  timeline: number;
  segments: Segment[];
}

/** All that lies in the protection's place. */
export interface Catalogue {
  segmentBytes: number;
  /** Oldest first. */
  bases: Base[];
  runs: Run[];
  /** Ancestors of each timeline that has some. */
  histories: ReadonlyMap<number, Ancestor[]>;
  /** Which timeline the live server was on since when, oldest first. */
  live: { at: Date; timeline: number }[];
  /** Everything that was committed until then is here. */
  covered?: Date;
  /** Where the WAL that is here ends, on the live timeline. */
  end?: Lsn;
}

/** A stretch of time of which every second can be brought back. */
export interface Window {
  from: Date;
  until: Date;
}

/** What is needed for one moment. */
export interface RecoveryPlan {
  base: Base;
  /** What the base is made of, oldest first; it is the last. */
  chain: Base[];
  timeline: number;
  /** From the base on, in order, each once. */
  segments: Segment[];
  /** True: what is here ends with this moment, or before the next one that is known. */
  toEnd: boolean;
}

interface Reach {
  base: Base;
  chain: Base[];
  timeline: number;
  segments: Segment[];
  from: Date;
  until: Date;
}

/** The moments that can be brought back, as stretches without a gap, oldest first. */
export function windowsOf(catalogue: Catalogue): Window[] {
  const stretches = reaches(catalogue)
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
 * The newest base that leads to a moment, and the WAL from it on.
 * @param moment undefined: the last that is there.
 * @returns undefined where no window has the moment.
 */
export function planRecovery(catalogue: Catalogue, moment?: Date): RecoveryPlan | undefined {
  const found = reaches(catalogue).filter(
    ({ from, until }) => moment === undefined || (from <= moment && moment <= until),
  );
  const latest = Math.max(...found.map(({ until }) => until.getTime()));
  const [best] = found
    .filter(({ until }) => moment !== undefined || until.getTime() === latest)
    .sort((a, b) => b.base.endedAt.getTime() - a.base.endedAt.getTime());
  if (!best) return undefined;
  const { base, chain, timeline, segments } = best;
  return { base, chain, timeline, segments, toEnd: moment === undefined };
}

/** The WAL that is here of the live server, newest first; what a restore left behind is not in it. */
export function liveWal(catalogue: Catalogue): Segment[] {
  const timeline = catalogue.live.at(-1)?.timeline;
  if (timeline === undefined) return [];
  return [...segmentsOf(catalogue, lineageOf(catalogue, timeline)).values()].sort(
    (a, b) => b.number - a.number,
  );
}

/**
 * The newest base from which the live server's WAL leads to a position without a gap.
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

/** What a base is made of, oldest first; undefined where a part of it is missing. */
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

/** How far each base leads on each timeline while that was the live one. */
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
      // The last byte that it needs, and not the first after it.
      if (!last || last.number < segmentOf(base.endLsn - 1n, segmentBytes)) return [];
      const from = new Date(Math.max(base.endedAt.getTime(), index === 0 ? 0 : at.getTime()));
      const until = untilOf(catalogue, last, timeline, liveUntil);
      return until < from ? [] : [{ base, chain, timeline, segments, from, until }];
    });
  });
}

/** A timeline and those that it came from, newest first, each with the position at which the next left it. */
function lineageOf(
  { histories }: Catalogue,
  timeline: number,
): { timeline: number; switchedAt: Lsn | undefined }[] {
  const ancestors = histories.get(timeline) ?? [];
  return [{ timeline, switchedAt: undefined }, ...ancestors.toReversed()];
}

/** By number, each segment of a lineage once: whole, and of the newest timeline that has it. */
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

/** From a segment on, each segment of the lineage until the first that is missing. */
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
    // What follows one that was cut off is not known to be all that followed, unless a later timeline goes on.
    if (segment.partial && newestFirst.get(number + 1)?.timeline === segment.timeline) return found;
  }
}

/** Until when what ends with `last` is known to be all. */
function untilOf(
  { covered, runs }: Catalogue,
  last: Segment,
  timeline: number,
  liveUntil: Date | undefined,
): Date {
  const newest = runs
    .flatMap((run) => run.segments)
    .filter((segment) => segment.timeline === timeline)
    .every(({ number }) => number <= last.number);
  if (!newest || last.timeline !== timeline) return last.changedAt;
  if (liveUntil !== undefined) return liveUntil;
  return covered ?? last.changedAt;
}
