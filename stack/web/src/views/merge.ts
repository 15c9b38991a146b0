import type { Item } from '../api/client';
import { draftOf, ITEM_FIELDS, type ItemDraft, type ItemField } from './item-fields';

export interface Merge {
  /** What nobody else has changed is as it is here; the rest is as it is stored now. */
  readonly draft: ItemDraft;
  /** What was changed here and elsewhere, to different values. */
  readonly conflicts: readonly ItemField[];
  /** What was changed elsewhere alone, and is taken. */
  readonly taken: readonly ItemField[];
}

/**
 * Puts two changes of one item together.
 *
 * @param base the item that the editing began with.
 * @param mine what was made of it here.
 * @param theirs what it has become meanwhile.
 */
export function merge(base: Item, mine: ItemDraft, theirs: Item): Merge {
  const [before, now] = [draftOf(base), draftOf(theirs)];
  const changed = (draft: ItemDraft) => ITEM_FIELDS.filter((field) => draft[field] !== before[field]);
  const theirFields = changed(now).filter((field) => now[field] !== mine[field]);
  const conflicts = theirFields.filter((field) => mine[field] !== before[field]);
  const taken = theirFields.filter((field) => mine[field] === before[field]);
  return {
    draft: { ...mine, ...Object.fromEntries(taken.map((field) => [field, now[field]])) },
    conflicts,
    taken,
  };
}
