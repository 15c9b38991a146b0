import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { answer, api, type Schemas } from '../api/client';
import { Failure } from '../api/failure';
import { FailureNotice } from '../parts/notice';
import { View } from '../parts/view';
import { ITEM_FIELDS, ItemFields, NEW_ITEM, sentOf } from './item-fields';

export default function NewItemView() {
  const { route } = useLocation();
  const [draft, setDraft] = useState(NEW_ITEM);
  const [failure, setFailure] = useState<Failure>();
  const [busy, setBusy] = useState(false);

  async function save(event: Event) {
    event.preventDefault();
    setBusy(true);
    setFailure(undefined);
    const body = Object.fromEntries(ITEM_FIELDS.map((field) => [field, sentOf(field, draft[field])]));
    try {
      const item = await answer(api.POST('/api/v1/items', { body: body as Schemas['NewItem'] }));
      route(`/items/${item.id}`, true);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setFailure(error);
      setBusy(false);
    }
  }

  return (
    <View title="New item">
      <form class="panel narrow" onSubmit={save}>
        <ItemFields draft={draft} onChange={setDraft} failure={failure} />
        <FailureNotice failure={failure} />
        <div class="actions">
          <button type="submit" class="main" disabled={busy}>
            {failure?.passing ? 'Send again' : 'Add item'}
          </button>
        </div>
      </form>
    </View>
  );
}
