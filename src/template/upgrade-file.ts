import type { BaseFile } from './base.js';
import type { FileHere } from './file-here.js';
import { inLineEndsOf, type Labels, mergeFile, sameText } from './three-way.js';

/** The template's content of a path when the scaffold was written. */
export type Earlier =
  | { known: true; file: Pick<BaseFile, 'content' | 'mode'> }
  /** It existed, but its text is not available any more. */
  | { known: false }
  | 'absent';

export interface OwnedFile {
  content: Buffer;
  mode: number;
}

/** Why a template's change is not in the file, or only as one of two versions. */
export type ConflictKind =
  /** Both changed the same lines. */
  | 'lines'
  /** Both changed a file that is not a text. */
  | 'binary'
  /** The changes could be merged, but the result is invalid JSON or YAML. */
  | 'invalid'
  /** At the path of the template's file there is a folder, or a link to a place outside the project. */
  | 'not-a-file'
  /** The template renamed the file to a path that is in use. */
  | 'taken';

/** Why a template's change is not applied although it could be. */
export type KeptReason =
  /** The user deleted the file. */
  | 'deleted'
  /** The template removed the file, but the user edited it. */
  | 'edited'
  /** It is a migration, which may be applied already. */
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
  /** Undefined: the template does not have the file any more. */
  theirs: OwnedFile | undefined;
  /** After it was written, it is never changed or removed. */
  frozen: boolean;
  labels: Labels;
}

const EXECUTABLE = 0o111;

/** Decides what an upgrade does with one file that the template owns. */
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

/**
 * Returns the user's permission bits; if the template changed whether the file is executable, that bit is the
 * template's.
 */
function mergedMode({ earlier }: Sides, here: number, theirs: number): number {
  if (earlier === 'absent' || !earlier.known) return here;
  const before = earlier.file.mode & EXECUTABLE;
  const after = theirs & EXECUTABLE;
  if (before === after || (here & EXECUTABLE) !== before) return here;
  return (here & ~EXECUTABLE) | after;
}
