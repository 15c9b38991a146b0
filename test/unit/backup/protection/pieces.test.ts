import { describe, expect, it } from 'vitest';
import { joinPieces, type Piece } from '../../../../src/backup/protection/pieces.js';

const piece = (order: number, from: number, to: number): Piece => ({ order, from, to });

/** What is taken of which piece: `order:from-to`. */
function joined(...pieces: Piece[]): string {
  const { parts, missing } = joinPieces(pieces);
  const text = parts.map(({ piece: { order }, from, to }) => `${order}:${from}-${to}`).join(' ');
  return `${text}${missing ? ' …' : ''}`;
}

describe('pieces of a segment', () => {
  it('make up its beginning, in whatever order they are listed', () => {
    expect(joined(piece(3, 150, 180), piece(1, 0, 100), piece(2, 100, 150))).toBe(
      '1:0-100 2:100-150 3:150-180',
    );
    expect(joined()).toBe('');
  });

  it('end before one that is missing, and say so', () => {
    expect(joined(piece(1, 0, 100), piece(3, 150, 180))).toBe('1:0-100 …');
    expect(joined(piece(2, 100, 150), piece(3, 150, 180))).toBe(' …');
  });

  it('are replaced by a later one of the same bytes, also where it has more or fewer of them', () => {
    expect(joined(piece(1, 0, 100), piece(2, 100, 110), piece(3, 100, 130))).toBe('1:0-100 3:100-130');
    expect(joined(piece(1, 0, 100), piece(2, 100, 110), piece(3, 104, 120))).toBe(
      '1:0-100 2:100-104 3:104-120',
    );
    expect(joined(piece(1, 0, 100), piece(2, 100, 110), piece(3, 90, 120))).toBe('1:0-90 3:90-120');
    expect(joined(piece(1, 0, 100), piece(2, 100, 110), piece(3, 0, 120))).toBe('3:0-120');
  });

  it('of a process that has begun anew are not joined with those of the one before it', () => {
    const killed = [piece(1, 0, 100), piece(2, 100, 200)];
    expect(joined(...killed, piece(3, 0, 50))).toBe('1:0-100 2:100-200');
    expect(joined(...killed, piece(3, 0, 100), piece(4, 100, 200))).toBe('3:0-100 4:100-200');
    // What the first one had after it got further is not put behind what the second one has.
    expect(joined(...killed, piece(3, 0, 150), piece(4, 150, 210))).toBe('3:0-150 4:150-210');
  });

  it('of the same number are those of a request that arrived late, and do no harm', () => {
    expect(joined(piece(1, 0, 100), piece(2, 0, 120), piece(2, 100, 110))).toBe('2:0-120');
  });
});
