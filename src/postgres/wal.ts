/** A position in the write-ahead log: the number of bytes from its beginning. */
export type Lsn = bigint;

/** A file of the write-ahead log. */
export interface SegmentName {
  timeline: number;
  /** Counted from the log's beginning, on any timeline. */
  number: number;
  /** True: incomplete; it ends at the present position of the server or the receiver. */
  partial: boolean;
}

const SEGMENT = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?$/;
const LOG_BYTES = 0x1_0000_0000;

/** @param text such as `0/2000028`. */
export function parseLsn(text: string): Lsn {
  const [, high, low] = /^([0-9A-Fa-f]+)\/([0-9A-Fa-f]+)$/.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new Error(`no LSN: ${text}`);
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/** As PostgreSQL writes it: `0/2000028`. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/**
 * Parses the name of a segment's file; undefined for any other file.
 * @param segmentBytes the server's `wal_segment_size`.
 */
export function parseSegment(name: string, segmentBytes: number): SegmentName | undefined {
  const [, timeline, log, segment, partial] = SEGMENT.exec(name) ?? [];
  if (timeline === undefined || log === undefined || segment === undefined) return undefined;
  return {
    timeline: Number.parseInt(timeline, 16),
    number: Number.parseInt(log, 16) * (LOG_BYTES / segmentBytes) + Number.parseInt(segment, 16),
    partial: partial !== undefined,
  };
}

/** Name of the segment's file, as PostgreSQL's XLogFileName() makes it. */
export function segmentFile(timeline: number, number: number, segmentBytes: number): string {
  const perLog = LOG_BYTES / segmentBytes;
  return [timeline, Math.floor(number / perLog), number % perLog].map(hex8).join('');
}

/** Number of the segment that holds the byte at `lsn`. */
export function segmentOf(lsn: Lsn, segmentBytes: number): number {
  return Number(lsn / BigInt(segmentBytes));
}

/** A timeline that another one branched off from, and the position of the branch. */
export interface Ancestor {
  timeline: number;
  switchedAt: Lsn;
}

/** Parses a timeline's `.history` file, oldest ancestor first. */
export function parseHistory(text: string): Ancestor[] {
  return text.split('\n').flatMap((line) => {
    const [, timeline, lsn] = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line) ?? [];
    return timeline === undefined || lsn === undefined
      ? []
      : [{ timeline: Number(timeline), switchedAt: parseLsn(lsn) }];
  });
}

function hex8(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, '0');
}
