import { parseSegment, type SegmentName } from '../../postgres/wal.js';
import type { Piece } from './pieces.js';
import { type Packing, unpackedName } from './stored-file.js';

/**
 * Names of the protection's files among the copies. A segment's name has the time of its last change, because
 * a listing of names need not have times. A segment that is not complete lies there in pieces. The parts of a base, and the files beside segments, have the name
 * of the base or run before their own.
 */
const BASE = /^base\.(\d{8}T\d{6}Z)\.(.+)$/;
const WAL = /^wal\.([0-9A-F]{8}-\d{4})\.(.+)$/;
const WHOLE = /^([0-9A-F]{24})\.(\d+)(\.gz(?:\.age)?)$/;
/** As a whole: as versions before the pieces wrote it, or as it was fetched from another place of copies. */
const PARTIAL = /^[0-9A-F]{24}\.partial\.gz(?:\.age)?$/;
const PIECE = /^([0-9A-F]{24})\.piece\.(\d+)\.(\d+)-(\d+)(\.gz(?:\.age)?)$/;
const MARK = 'json';

export const RECORD_NAME = 'protection.json';
export const STATE_NAME = 'state.json';
/** In the place's `state`: a random value, by which two machines with copies of one server differ. */
export const OWNER_FILE = 'copy-owner';

/**
 * Folder of a project's protection among the copies.
 * @param systemIdentifier of a server that an upgrade made; undefined: the first one.
 */
export function copyFolder(project: string, systemIdentifier?: string): string {
  return `${project}-protection${systemIdentifier === undefined ? '' : `-${systemIdentifier}`}`;
}

/** Name of a base's mark, which is written last: without it, it is not a base. */
export function baseMark(id: string): string {
  return basePart(id, MARK);
}

export function basePart(id: string, file: string): string {
  return `base.${id}.${file}`;
}

/** @param file `SHA256SUMS`, a history, or a packed segment that is not complete yet. */
export function besideSegments(run: string, file: string): string {
  return `wal.${run}.${file}`;
}

/** @param file of a complete segment, packed. */
export function wholeSegment(run: string, file: string, changedAt: Date): string {
  const name = unpackedName(file);
  return `wal.${run}.${name}.${Math.floor(changedAt.getTime() / 1000)}${file.slice(name.length)}`;
}

/** @param segment its name without `.partial`. */
export function pieceOfSegment(
  run: string,
  segment: string,
  { order, from, to }: Piece,
  packing: Packing,
): string {
  return besideSegments(run, `${segment}.piece.${order}.${from}-${to}${packing}`);
}

/** A piece of a segment that was not complete when it was sent. */
export interface CopiedPiece extends Piece, SegmentName {
  run: string;
  /** Name of the segment without `.partial`. */
  segment: string;
  packing: Packing;
  /** Name among the copies. */
  name: string;
}

export interface CopiedSegment extends SegmentName {
  run: string;
  /** Name in the place. */
  file: string;
  /** Name among the copies. */
  name: string;
  /** Undefined: the segment is not complete; its time is in the state. */
  changedAt: Date | undefined;
}

export interface CopyNames {
  /** Ids of complete bases. */
  bases: string[];
  segments: CopiedSegment[];
  pieces: CopiedPiece[];
  /** `SHA256SUMS` and histories. */
  beside: { run: string; file: string; name: string }[];
  /** Parts of all bases, complete or not. */
  parts: { id: string; name: string }[];
}

/** Parses a listing of names. */
export function readNames(names: readonly string[], segmentBytes: number): CopyNames {
  const found: CopyNames = { bases: [], segments: [], pieces: [], beside: [], parts: [] };
  for (const name of [...names].sort()) {
    const [, id, part] = BASE.exec(name) ?? [];
    if (id !== undefined) {
      if (part === MARK) found.bases.push(id);
      found.parts.push({ id, name });
      continue;
    }
    const [, run, file] = WAL.exec(name) ?? [];
    if (run === undefined || file === undefined) continue;
    const piece = readPiece(file, segmentBytes);
    if (piece) {
      found.pieces.push({ ...piece, run, name });
      continue;
    }
    const [, whole, seconds, packing] = WHOLE.exec(file) ?? [];
    const stored = whole === undefined ? file : `${whole}${packing}`;
    const parsed =
      whole !== undefined || PARTIAL.test(file)
        ? parseSegment(unpackedName(stored), segmentBytes)
        : undefined;
    if (!parsed) {
      found.beside.push({ run, file, name });
      continue;
    }
    const changedAt = seconds === undefined ? undefined : new Date(Number(seconds) * 1000);
    found.segments.push({ ...parsed, run, file: stored, name, changedAt });
  }
  return found;
}

function readPiece(file: string, segmentBytes: number): Omit<CopiedPiece, 'run' | 'name'> | undefined {
  const [, segment, order, from, to, packing] = PIECE.exec(file) ?? [];
  const parsed = segment === undefined ? undefined : parseSegment(segment, segmentBytes);
  if (segment === undefined || !parsed) return undefined;
  const range = { order: Number(order), from: Number(from), to: Number(to) };
  return { ...range, ...parsed, partial: true, segment, packing: packing as Packing };
}
