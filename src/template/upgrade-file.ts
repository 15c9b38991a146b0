import type { BaseFile } from './base.js';
import type { FileHere } from './file-here.js';
import { inLineEndsOf, type Labels, mergeFile, sameText } from './three-way.js';

/** What the template made of a path when the scaffold was written. */
export type Earlier =
  | { known: true; file: Pick<BaseFile, 'content' | 'mode'> }
  /** It was there, but nobody has its text any more. */
  | { known: false }
  | 'absent';

export interface OwnedFile {
  content: Buffer;
  mode: number;
}

/** Why a change of the template is not in the file, or not in it alone. */
export type ConflictKind =
  /** Both changed the same lines. */
  | 'lines'
  /** Both changed a file that is no text. */
  | 'binary'
  /** Every change found its place, but JSON or YAML came out of it that nobody can read. */
  | 'invalid'
  /** A folder, or a link out of the project, stands where the template has a file. */
  | 'not-a-file'
  /** The template renamed the file to a path that is taken. */
  | 'taken';

/** Why a change of the template is left out although nothing is in its way. */
export type KeptReason =
  /** The person deleted it. */
  | 'deleted'
  /** The template has it no more; the person edited it. */
  | 'edited'
  /** A migration, which may be applied. */
  | 'migration';

export type Decision =
  | { status: 'unchanged' }
  | { status: 'created' | 'updated' | 'merged'; content: Buffer; mode: number }
  | { status: 'removed' }
  | {
      status: 'conflict';
      kind: 'lines';
      content: Buffer;
      mode: number;
      lines: number[];
      baseUnknown: boolean;
    }
  | { status: 'conflict'; kind: Exclude<ConflictKind, 'lines'> }
  | { status: 'kept'; reason: KeptReason };

interface Sides {
  path: string;
  earlier: Earlier;
  here: FileHere;
  /** Undefined: the template has it no more. */
  theirs: OwnedFile | undefined;
  /** Once written, it is never changed or removed. */
  frozen: boolean;
  labels: Labels;
}

const EXECUTABLE = 0o111;

/** What an upgrade does to one file that the template owns. */
export function decide(sides: Sides): Decision {
  const { earlier, here, theirs, frozen } = sides;
  if (theirs && earlier !== 'absent' && earlier.known && isSame(earlier.file, theirs))
    return { status: 'unchanged' };
  if (here.kind === 'none') {
    if (!theirs) return { status: 'unchanged' };
    return earlier === 'absent' ? { status: 'created', ...theirs } : { status: 'kept', reason: 'deleted' };
  }
  if (here.kind !== 'file')
    return theirs ? { status: 'conflict', kind: 'not-a-file' } : { status: 'unchanged' };
  const edited = earlier === 'absent' || !earlier.known || !sameText(here.content, earlier.file.content);
  if (!theirs) return removal(edited, frozen);
  const mode = mergedMode(sides, here.mode, theirs.mode);
  if (sameText(here.content, theirs.content)) {
    return mode === here.mode ? { status: 'unchanged' } : { status: 'updated', content: here.content, mode };
  }
  if (frozen && earlier !== 'absent') return { status: 'kept', reason: 'migration' };
  if (!edited) return { status: 'updated', content: inLineEndsOf(here.content, theirs.content), mode };
  const base = earlier !== 'absent' && earlier.known ? earlier.file.content : undefined;
  const merged = mergeFile(sides.path, { base, ours: here.content, theirs: theirs.content }, sides.labels);
  if (merged.outcome === 'apart') return { status: 'conflict', kind: merged.reason };
  if (merged.outcome === 'merged') {
    return merged.content.equals(here.content) && mode === here.mode
      ? { status: 'unchanged' }
      : { status: 'merged', content: merged.content, mode };
  }
  const { content, lines } = merged;
  return {
    status: 'conflict',
    kind: 'lines',
    content,
    mode,
    lines,
    baseUnknown: earlier !== 'absent' && !base,
  };
}

function removal(edited: boolean, frozen: boolean): Decision {
  if (frozen) return { status: 'kept', reason: 'migration' };
  return edited ? { status: 'kept', reason: 'edited' } : { status: 'removed' };
}

function isSame(a: OwnedFile, b: OwnedFile): boolean {
  return a.mode === b.mode && a.content.equals(b.content);
}

/** The person's permission bits; whether it can be executed is the template's where it changed that. */
function mergedMode({ earlier }: Sides, here: number, theirs: number): number {
  if (earlier === 'absent' || !earlier.known) return here;
  const before = earlier.file.mode & EXECUTABLE;
  const after = theirs & EXECUTABLE;
  if (before === after || (here & EXECUTABLE) !== before) return here;
  return (here & ~EXECUTABLE) | after;
}
