import { parseSegment, type SegmentName } from '../../postgres/wal.js';
import { unpackedName } from './stored-file.js';

/**
 * How the protection's files are called where copies go. A segment's name has the time of its last change: what lists
 * names need not tell times. A part of a base and what is beside segments have their own names behind those of the
 * base and the run.
 */
const BASE = /^base\.(\d{8}T\d{6}Z)\.(.+)$/;
const WAL = /^wal\.([0-9A-F]{8}-\d{4})\.(.+)$/;
const WHOLE = /^([0-9A-F]{24})\.(\d+)(\.gz(?:\.age)?)$/;
const PARTIAL = /^[0-9A-F]{24}\.partial\.gz(?:\.age)?$/;
const MARK = 'json';

export const RECORD_NAME = 'protection.json';
export const STATE_NAME = 'state.json';

/** Folder of a project's protection among the copies. */
export function copyFolder(project: string): string {
  return `${project}-protection`;
}

/** Written last: what has none is no base. */
export function baseMark(id: string): string {
  return basePart(id, MARK);
}

export function basePart(id: string, file: string): string {
  return `base.${id}.${file}`;
}

/** @param file `SHA256SUMS`, a history, or a packed segment that is not whole yet. */
export function besideSegments(run: string, file: string): string {
  return `wal.${run}.${file}`;
}

/** @param file of a whole segment, packed. */
export function wholeSegment(run: string, file: string, changedAt: Date): string {
  const name = unpackedName(file);
  return `wal.${run}.${name}.${Math.floor(changedAt.getTime() / 1000)}${file.slice(name.length)}`;
}

export interface CopiedSegment extends SegmentName {
  run: string;
  /** As the place names it. */
  file: string;
  /** Where copies go. */
  name: string;
  /** Undefined: it is not whole, and what the state says. */
  changedAt: Date | undefined;
}

export interface CopyNames {
  /** Ids of whole bases. */
  bases: string[];
  segments: CopiedSegment[];
  /** `SHA256SUMS` and histories. */
  beside: { run: string; file: string; name: string }[];
  /** Of all bases, whole or not. */
  parts: { id: string; name: string }[];
}

/** What a list of names says. */
export function readNames(names: readonly string[], segmentBytes: number): CopyNames {
  const found: CopyNames = { bases: [], segments: [], beside: [], parts: [] };
  for (const name of [...names].sort()) {
    const [, id, part] = BASE.exec(name) ?? [];
    if (id !== undefined) {
      if (part === MARK) found.bases.push(id);
      found.parts.push({ id, name });
      continue;
    }
    const [, run, file] = WAL.exec(name) ?? [];
    if (run === undefined || file === undefined) continue;
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
