import { useState } from 'preact/hooks';
import { answer, api, type Item, type Schemas, versioned } from '../api/client';
import { Failure } from '../api/failure';
import { useNames } from '../parts/lookups';
import { FailureNotice } from '../parts/notice';
import {
  draftOf,
  FIELD_NAMES,
  ITEM_FIELDS,
  type ItemDraft,
  type ItemField,
  ItemFields,
  sentOf,
} from './item-fields';
import { type Merge, merge } from './merge';

interface EditItemProps {
  readonly item: Item;
  readonly etag: string;
  /** @param changed whether anything was saved. */
  readonly onDone: (changed: boolean) => void;
}

/** Changes an item, if nobody else has meanwhile; if somebody has, shows both changes and lets them be put together. */
export function EditItem({ item, etag, onDone }: EditItemProps) {
  const [base, setBase] = useState({ item, etag });
  const [draft, setDraft] = useState(() => draftOf(item));
  const [failure, setFailure] = useState<Failure>();
  const [conflict, setConflict] = useState<Merge>();
  const [busy, setBusy] = useState(false);

  async function save() {
    const changes = changesOf(base.item, draft);
    if (Object.keys(changes).length === 0) return onDone(conflict !== undefined);
    setBusy(true);
    setFailure(undefined);
    const params = { path: { id: item.id }, header: { 'if-match': base.etag } };
    try {
      await answer(api.PATCH('/api/v1/items/{id}', { params, body: changes as Schemas['ItemPatch'] }));
      onDone(true);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.status === 412) await reconcile();
      else setFailure(error);
    } finally {
      setBusy(false);
    }
  }

  async function reconcile() {
    try {
      const theirs = await versioned(api.GET('/api/v1/items/{id}', { params: { path: { id: item.id } } }));
      const merged = merge(base.item, draft, theirs.data);
      // It was ours: an answer that was lost.
      if (Object.keys(changesOf(theirs.data, merged.draft)).length === 0) return onDone(true);
      setConflict(merged);
      setDraft(merged.draft);
      setBase({ item: theirs.data, etag: theirs.etag });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setFailure(error);
    }
  }

  return (
    <section aria-label="Edit" class="panel">
      <h2>Edit</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onDone(false);
        }}
      >
        <div role="alert">
          {conflict && (
            <Conflict conflict={conflict} theirs={draftOf(base.item)} draft={draft} onChange={setDraft} />
          )}
        </div>
        <ItemFields draft={draft} onChange={setDraft} failure={failure} />
        <FailureNotice failure={failure} />
        <div class="actions">
          <button type="submit" class="main" disabled={busy}>
            {failure?.passing ? 'Send again' : 'Save'}
          </button>
          <button type="button" onClick={() => onDone(false)}>
            Cancel
          </button>
        </div>
      </form>
    </section>
  );
}

function changesOf(item: Item, draft: ItemDraft): Partial<Record<ItemField, unknown>> {
  const before = draftOf(item);
  return Object.fromEntries(
    ITEM_FIELDS.filter((field) => draft[field] !== before[field]).map((field) => [
      field,
      sentOf(field, draft[field]),
    ]),
  );
}

interface ConflictProps {
  readonly conflict: Merge;
  readonly theirs: ItemDraft;
  readonly draft: ItemDraft;
  readonly onChange: (draft: ItemDraft) => void;
}

/** What somebody else has saved meanwhile, and a choice where it is not what is saved here. */
function Conflict({ conflict: { conflicts, taken, draft: mine }, theirs, draft, onChange }: ConflictProps) {
  const categories = useNames('categories');
  const suppliers = useNames('suppliers');
  const shown = (field: ItemField, text: string) => {
    if (field === 'category_id') return categories.of(text === '' ? null : Number(text)) || '–';
    if (field === 'supplier_id') return suppliers.of(text === '' ? null : Number(text)) || '–';
    return text === '' ? '–' : text;
  };
  return (
    <div class="notice conflict">
      <p>
        <b>Somebody else has changed this item.</b>{' '}
        {taken.length > 0 && `Their ${taken.map((field) => FIELD_NAMES[field]).join(', ')} is taken over. `}
        {conflicts.length > 0
          ? 'You both changed what follows: choose, then save.'
          : 'Nothing of yours is in its way: save again.'}
      </p>
      {conflicts.map((field) => (
        <fieldset key={field}>
          <legend>{FIELD_NAMES[field]}</legend>
          {(
            [
              ['yours', mine[field]],
              ['theirs', theirs[field]],
            ] as const
          ).map(([whose, text]) => (
            <label key={whose} class="check">
              <input
                type="radio"
                name={`conflict-${field}`}
                checked={draft[field] === text}
                onChange={() => onChange({ ...draft, [field]: text })}
              />
              <span class="faint">{whose}</span> {shown(field, text)}
            </label>
          ))}
        </fieldset>
      ))}
    </div>
  );
}
