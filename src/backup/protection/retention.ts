import { segmentOf } from '../../postgres/wal.js';
import { type Base, basesById, type Catalogue, chainOf, type Segment } from './catalogue.js';

/** Bases and WAL that are not needed for any moment to keep. */
export interface Unneeded {
  /** Oldest first. */
  bases: Base[];
  segments: Segment[];
}

/**
 * The rule: the newest base of the live timeline that is older than the retention stays, and so do all bases
 * after it, those that they build on, and all WAL from the first of them on. So the last base always stays.
 * WAL that a restore made obsolete stays until the restore itself is that old. The receiver has the same rule
 * (templates/protection/receiver.sh).
 * @param keepSeconds seconds for which every moment must stay restorable.
 */
export function unneeded(catalogue: Catalogue, keepSeconds: number, now = new Date()): Unneeded {
  const { bases, live, runs, segmentBytes } = catalogue;
  const keepFrom = new Date(now.getTime() - keepSeconds * 1000);
  const timeline = live.at(-1)?.timeline;
  const switched = live.findLast((one, index) => one.timeline !== live[index - 1]?.timeline)?.at;
  const anchor = bases.findLast((base) => base.timeline === timeline && base.endedAt <= keepFrom);
  if (!anchor || !switched || switched >= keepFrom) return { bases: [], segments: [] };
  const kept = bases.slice(bases.indexOf(anchor));
  const byId = basesById(bases);
  const parts = new Set(kept.flatMap((base) => chainOf(byId, base) ?? [base]));
  const first = Math.min(...kept.map(({ startLsn }) => segmentOf(startLsn, segmentBytes)));
  return {
    bases: bases.filter((base) => !parts.has(base)),
    segments: runs.flatMap((run) => run.segments).filter(({ number }) => number < first),
  };
}
