import { z } from 'zod';
import { invalid } from '../problem.js';

/** Where a page ended: the sort key and the id of its last row. */
export interface Cursor {
  readonly sort: string;
  readonly key: string | number;
  readonly id: number;
}

const Content = z.tuple([
  z.string(),
  z.union([z.string().regex(/^\P{Cc}*$/u), z.number()]),
  z.int().min(0).max(Number.MAX_SAFE_INTEGER),
]);

/** An opaque text that stands for a cursor. */
export function encodeCursor({ sort, key, id }: Cursor): string {
  return Buffer.from(JSON.stringify([sort, key, id])).toString('base64url');
}

/**
 * @param sort the order of the list that the cursor has to be of.
 * @throws {Problem} 422 for anything that did not come from `encodeCursor` with this order.
 */
export function decodeCursor(text: string | undefined, sort: string): Cursor | undefined {
  if (text === undefined) return undefined;
  try {
    const [of, key, id] = Content.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
    if (of === sort) return { sort, key, id };
  } catch {
    // Falls through: whatever is wrong with it, it is not a cursor of this list.
  }
  throw invalid([
    { pointer: '/query/cursor', code: 'cursor', message: 'is not a cursor of this list and order' },
  ]);
}
