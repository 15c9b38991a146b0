import { useEffect, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { answer, api, newKey, type Schemas } from '../api/client';
import { Failure } from '../api/failure';
import { Field } from '../parts/field';
import { useLocations } from '../parts/lookups';
import { FailureNotice, Notice } from '../parts/notice';
import { stepOf } from '../parts/numbers';
import { View } from '../parts/view';
import { ScanField } from './scan-field';
import { Done } from './stock-done';
import {
  type Line,
  newDraft,
  STOCK_KINDS,
  type StockDraft,
  type StockKind,
  useStockDraft,
  withItem,
} from './stock-draft';

const TEXTS: Readonly<Record<StockKind, { title: string; about: string; where: string; number: string }>> = {
  receive: { title: 'Receive', about: 'Stock that comes in.', where: 'At', number: 'Received' },
  issue: {
    title: 'Issue',
    about: 'Stock that goes out: all lines or none.',
    where: 'From',
    number: 'Issued',
  },
  transfer: {
    title: 'Transfer',
    about: 'Stock that moves to another location.',
    where: 'From',
    number: 'Moved',
  },
  count: {
    title: 'Count',
    about: 'What is on the shelf replaces what was thought.',
    where: 'At',
    number: 'Counted',
  },
};

export default function StockView({ kind }: { readonly kind: string }) {
  const known = STOCK_KINDS.find((one) => one === kind);
  if (known) return <StockForm key={known} kind={known} />;
  return (
    <View title="There is nothing here">
      <p>
        <a href="/items">All items</a>
      </p>
    </View>
  );
}

function send(kind: StockKind, draft: StockDraft): Promise<Schemas['StockOperation']> {
  const params = { header: { 'idempotency-key': draft.key } };
  const notes = {
    ...(draft.reference.trim() && { reference: draft.reference.normalize('NFC').trim() }),
    ...(draft.reason.trim() && { reason: draft.reason.normalize('NFC').trim() }),
  };
  const location = draft.location === undefined ? {} : { location_id: draft.location };
  const quantities = draft.lines.map(({ item, quantity }) => ({
    item_id: item.id,
    quantity: Number(quantity),
  }));
  switch (kind) {
    case 'receive': {
      const body = { ...notes, lines: quantities.map((line) => ({ ...line, ...location })) };
      return answer(api.POST('/api/v1/stock/receive', { params, body }));
    }
    case 'issue': {
      const body = { ...notes, lines: quantities.map((line) => ({ ...line, ...location })) };
      return answer(api.POST('/api/v1/stock/issue', { params, body }));
    }
    case 'transfer': {
      const way = { from_location_id: draft.location, to_location_id: draft.to as number };
      const body = { ...notes, lines: quantities.map((line) => ({ ...line, ...way })) };
      return answer(api.POST('/api/v1/stock/transfer', { params, body }));
    }
    case 'count': {
      const lines = draft.lines.map(({ item, quantity }) => ({
        item_id: item.id,
        counted: Number(quantity),
        ...location,
      }));
      return answer(api.POST('/api/v1/stock/count', { params, body: { ...notes, lines } }));
    }
  }
}

function StockForm({ kind }: { readonly kind: StockKind }) {
  const texts = TEXTS[kind];
  const [draft, setDraft] = useStockDraft(kind);
  const [failure, setFailure] = useState<Failure>();
  const [done, setDone] = useState<{ operation: Schemas['StockOperation']; lines: readonly Line[] }>();
  const [busy, setBusy] = useState(false);
  const locations = useLocations();
  const form = useRef<HTMLFormElement>(null);
  const change = (part: Partial<StockDraft>) => {
    setFailure(undefined);
    setDraft((before) => ({ ...before, ...part }));
  };
  useItemOfAddress((item) => {
    setDraft((before) => ({ ...before, lines: withItem(before.lines, item, 1) }));
  });

  // Which locations there are is known late; the first is the one that the API takes without a word.
  const known = locations.data ?? [];
  const main = known.find(({ code }) => code === 'main') ?? known[0];
  const location = draft.location ?? main?.id;
  const to = draft.to ?? known.find(({ id }) => id !== location)?.id;

  async function submit(event?: Event) {
    event?.preventDefault();
    if (busy || draft.lines.length === 0 || !form.current?.reportValidity()) return;
    setBusy(true);
    setFailure(undefined);
    try {
      const operation = await send(kind, { ...draft, location, to });
      setDone({ operation, lines: draft.lines });
      setDraft({ ...newDraft(), location: draft.location, to: draft.to });
      document.getElementById('scan')?.focus();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setFailure(error);
      setDraft((before) => ({ ...before, unknown: error.passing }));
    } finally {
      setBusy(false);
    }
  }

  const sealed = busy || draft.unknown;
  return (
    <View title={texts.title} about={texts.about}>
      <form
        ref={form}
        class="stock"
        onSubmit={submit}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void submit(event);
        }}
      >
        {done && <Done kind={kind} operation={done.operation} lines={done.lines} locations={known} />}
        {draft.unknown && !failure && (
          <Notice>This list was sent, and no answer came. Sent again, it is not done twice.</Notice>
        )}
        <FailureNotice failure={failure ?? locations.failure}>
          {locations.failure && (
            <button type="button" onClick={locations.again}>
              Try again
            </button>
          )}
        </FailureNotice>
        <div class="fields">
          <Field label={texts.where}>
            {(own) => (
              <select
                {...own}
                disabled={sealed}
                value={String(location ?? '')}
                onChange={(event) => change({ location: Number(event.currentTarget.value) })}
              >
                {known.map(({ id, code, name }) => (
                  <option key={id} value={String(id)}>
                    {code === name ? code : `${code} · ${name}`}
                  </option>
                ))}
              </select>
            )}
          </Field>
          {kind === 'transfer' && (
            <Field label="To" hint={known.length === 1 ? 'There is only one location.' : undefined}>
              {(own) => (
                <select
                  {...own}
                  required
                  disabled={sealed}
                  value={String(to ?? '')}
                  onChange={(event) => change({ to: Number(event.currentTarget.value) })}
                >
                  {known
                    .filter(({ id }) => id !== location)
                    .map(({ id, code, name }) => (
                      <option key={id} value={String(id)}>
                        {code === name ? code : `${code} · ${name}`}
                      </option>
                    ))}
                </select>
              )}
            </Field>
          )}
          <Field label="Reference" error={failure?.at('/body/reference')}>
            {(own) => (
              <input
                {...own}
                maxLength={200}
                disabled={sealed}
                placeholder="Order, delivery note"
                value={draft.reference}
                onInput={(event) => change({ reference: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label="Reason" error={failure?.at('/body/reason')}>
            {(own) => (
              <input
                {...own}
                maxLength={500}
                disabled={sealed}
                value={draft.reason}
                onInput={(event) => change({ reason: event.currentTarget.value })}
              />
            )}
          </Field>
        </div>
        <ScanField
          disabled={sealed}
          onItem={(item, more) => {
            setFailure(undefined);
            setDraft((before) => ({ ...before, lines: withItem(before.lines, item, more) }));
          }}
        />
        <Lines kind={kind} draft={draft} sealed={sealed} failure={failure} change={change} />
        <div class="actions">
          <button type="submit" class="main" disabled={busy || draft.lines.length === 0}>
            {draft.unknown
              ? 'Send again'
              : `${texts.title} ${draft.lines.length === 1 ? '1 line' : `${draft.lines.length} lines`}`}
          </button>
          {draft.unknown && (
            <button type="button" onClick={() => change({ unknown: false, key: newKey() })}>
              Change the list
            </button>
          )}
          {draft.lines.length > 0 && (
            <button type="button" class="quiet" onClick={() => change({ ...newDraft(), location, to })}>
              Clear
            </button>
          )}
        </div>
        {draft.unknown && (
          <p class="note">
            A list that is changed is a new one: look into the ledger first, whether this one was done.
          </p>
        )}
      </form>
    </View>
  );
}

interface LinesProps {
  readonly kind: StockKind;
  readonly draft: StockDraft;
  readonly sealed: boolean;
  readonly failure: Failure | undefined;
  readonly change: (part: Partial<StockDraft>) => void;
}

function Lines({ kind, draft: { lines }, sealed, failure, change }: LinesProps) {
  const number = kind === 'count' ? 'counted' : 'quantity';
  return (
    <table class="lines">
      <caption class="hidden">Lines</caption>
      <thead>
        <tr>
          <th scope="col">Item</th>
          <th scope="col" class="number">
            {TEXTS[kind].number}
          </th>
          <th scope="col">
            <span class="hidden">Remove</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line, index) => {
          const { item, quantity } = line;
          const error = failure?.at(`/body/lines/${index}/${number}`) ?? failure?.at(`/body/lines/${index}`);
          return (
            <tr key={item.id}>
              <th scope="row">
                <a href={`/items/${item.id}`}>{item.name}</a> <code>{item.sku}</code>
                {error && <p class="note bad">{error}</p>}
              </th>
              <td class="number">
                <input
                  type="number"
                  aria-label={`${TEXTS[kind].number}, ${item.name}`}
                  aria-invalid={error ? true : undefined}
                  inputMode={item.decimals > 0 ? 'decimal' : 'numeric'}
                  required
                  min={kind === 'count' ? 0 : stepOf(item)}
                  max={1_000_000_000}
                  step={stepOf(item)}
                  disabled={sealed}
                  value={quantity}
                  onInput={(event) => {
                    const changed = { item, quantity: event.currentTarget.value };
                    change({ lines: lines.map((other) => (other === line ? changed : other)) });
                  }}
                  onKeyDown={(event) => {
                    if (event.key !== 'Enter' || event.ctrlKey || event.metaKey) return;
                    event.preventDefault();
                    document.getElementById('scan')?.focus();
                  }}
                />{' '}
                <span class="faint">{item.unit}</span>
              </td>
              <td>
                <button
                  type="button"
                  class="quiet small"
                  aria-label={`Remove ${item.name}`}
                  disabled={sealed}
                  onClick={() => change({ lines: lines.filter((other) => other !== line) })}
                >
                  ✕
                </button>
              </td>
            </tr>
          );
        })}
        {lines.length === 0 && (
          <tr>
            <td colSpan={3} class="faint">
              Nothing yet.
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}

/** Starts the list with the item of an address such as `/stock/issue?item=12`, once. */
function useItemOfAddress(add: (item: Line['item']) => void): void {
  const { query, path, route } = useLocation();
  const { item } = query;
  useEffect(() => {
    if (!/^[1-9]\d{0,14}$/.test(item ?? '')) return;
    answer(api.GET('/api/v1/items/{id}', { params: { path: { id: Number(item) } } })).then(add, () => {});
    route(path, true);
  }, [item]);
}
