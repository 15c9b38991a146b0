/** Bytes of a segment, `from` inclusive and `to` exclusive, as they were received when they were sent. */
export interface Piece {
  /** A higher one was sent later. */
  order: number;
  from: number;
  to: number;
}

/** Bytes of a segment that are taken from one piece. */
export interface Part<T extends Piece> {
  piece: T;
  from: number;
  to: number;
}

export interface JoinedPieces<T extends Piece> {
  /** In the order of the bytes, from the segment's beginning without a gap. */
  parts: Part<T>[];
  /** True: there is a piece of what comes after `parts`, but none of what is in between. */
  missing: boolean;
}

/**
 * Chooses the pieces that make up the beginning of a segment. Each run of a shipper begins with byte 0, and
 * its pieces are never joined with those of another one, which may have been that of another server: the run
 * that got furthest counts, the later one of two that got equally far. Of two pieces with the same bytes the
 * later one counts.
 */
export function joinPieces<T extends Piece>(pieces: readonly T[]): JoinedPieces<T> {
  const inOrder = pieces.toSorted((a, b) => a.order - b.order || b.from - a.from);
  const runs: T[][] = [];
  for (const piece of inOrder) {
    if (piece.from === 0 || runs.length === 0) runs.push([]);
    runs.at(-1)?.push(piece);
  }
  let best: Part<T>[] = [];
  for (const run of runs) {
    const parts = overlaid(run);
    if (endOf(parts) >= endOf(best)) best = parts;
  }
  return { parts: best, missing: pieces.some(({ to }) => to > endOf(best)) };
}

function overlaid<T extends Piece>(run: readonly T[]): Part<T>[] {
  let parts: Part<T>[] = [];
  for (const piece of run) {
    const { from, to } = piece;
    if (from > endOf(parts)) break;
    parts = parts
      .filter((part) => part.from < from)
      .map((part) => ({ ...part, to: Math.min(part.to, from) }));
    parts.push({ piece, from, to });
  }
  return parts;
}

function endOf(parts: readonly { to: number }[]): number {
  return parts.at(-1)?.to ?? 0;
}
