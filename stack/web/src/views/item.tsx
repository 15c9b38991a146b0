import { useState } from 'preact/hooks';
import { answer, api, type Item, type Schemas, versioned } from '../api/client';
import { Failure } from '../api/failure';
import { useSession } from '../api/session';
import { useLoad } from '../parts/load';
import { useNames } from '../parts/lookups';
import { FailureNotice, Notice } from '../parts/notice';
import { moneyText, quantityText, timeText, unitText } from '../parts/numbers';
import { StockMark } from '../parts/stock-mark';
import { View } from '../parts/view';
import { EditItem } from './edit-item';
import { ItemLedger } from './item-ledger';

/** One item: what it is, where it is, and how that came about. */
export function ItemView({ id }: { readonly id: string }) {
  const number = Number(id);
  const valid = /^[1-9]\d{0,14}$/.test(id);
  const path = { id: number };
  const item = useLoad(
    () =>
      valid
        ? versioned(api.GET('/api/v1/items/{id}', { params: { path } }))
        : Promise.reject(new Failure('There is no such item.', 404)),
    [id],
  );
  const stock = useLoad(() => answer(api.GET('/api/v1/items/{id}/stock', { params: { path } })), [id]);
  const [editing, setEditing] = useState(false);
  const [saved, setSaved] = useState(false);
  const { me } = useSession();
  const writes = me?.role !== 'viewer';
  const found = item.data;
  const shown = found && found.data.id === number ? found : undefined;

  if (!shown) {
    return (
      <View title={item.failure?.status === 404 ? 'There is no such item' : 'Item'}>
        {item.failure && item.failure.status !== 404 && (
          <FailureNotice failure={item.failure}>
            <button type="button" onClick={item.again}>
              Try again
            </button>
          </FailureNotice>
        )}
        {item.failure?.status === 404 && (
          <p>
            <a href="/items">All items</a>
          </p>
        )}
      </View>
    );
  }
  const { data } = shown;
  return (
    <View
      title={data.name}
      about={
        <>
          <code>{data.sku}</code>
          {data.archived_at && <span class="mark out">Archived {timeText(data.archived_at)}</span>}
        </>
      }
      actions={
        writes &&
        !editing && (
          <button
            type="button"
            onClick={() => {
              setSaved(false);
              setEditing(true);
            }}
          >
            Edit
          </button>
        )
      }
    >
      <FailureNotice failure={item.failure ?? stock.failure}>
        <button
          type="button"
          onClick={() => {
            item.again();
            stock.again();
          }}
        >
          Try again
        </button>
      </FailureNotice>
      {saved && <Notice>Saved.</Notice>}
      <div class="columns">
        {editing ? (
          <EditItem
            item={data}
            etag={shown.etag}
            onDone={(changed) => {
              setEditing(false);
              setSaved(changed);
              if (changed) item.again();
            }}
          />
        ) : (
          <Facts item={data} />
        )}
        <StockByLocation item={data} stock={stock.data} writes={writes && !data.archived_at} />
      </div>
      <ItemLedger key={id} item={data} onHand={stock.data?.on_hand} />
    </View>
  );
}

function Facts({ item }: { readonly item: Item }) {
  const categories = useNames('categories');
  const suppliers = useNames('suppliers');
  const unit = unitText(item.unit);
  const facts: readonly (readonly [string, string])[] = [
    ['Category', categories.of(item.category_id)],
    ['Supplier', suppliers.of(item.supplier_id)],
    ['Price', unit === '' ? moneyText(item.unit_price) : `${moneyText(item.unit_price)} per ${unit}`],
    ['Reorder at', item.reorder_point > 0 ? `${quantityText(item.reorder_point, item)} ${unit}` : ''],
    ['Barcode', item.barcode ?? ''],
    ['Changed', timeText(item.updated_at)],
  ];
  return (
    <section aria-label="Facts" class="panel">
      <h2>Facts</h2>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value === '' ? <span class="faint">–</span> : value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function StockByLocation({
  item,
  stock,
  writes,
}: {
  readonly item: Item;
  readonly stock: Schemas['ItemStock'] | undefined;
  readonly writes: boolean;
}) {
  return (
    <section aria-label="Stock" class="panel">
      <h2>
        Stock
        {stock && <StockMark onHand={stock.on_hand} reorderPoint={item.reorder_point} />}
      </h2>
      <p class="figure">
        {stock ? quantityText(stock.on_hand, item) : '…'} <small>{unitText(item.unit)} on hand</small>
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Location</th>
            <th scope="col" class="number">
              On hand
            </th>
          </tr>
        </thead>
        <tbody>
          {stock?.locations.map(({ location_id, location, on_hand }) => (
            <tr key={location_id}>
              <th scope="row">{location}</th>
              <td class="number">{quantityText(on_hand, item)}</td>
            </tr>
          ))}
          {stock?.locations.length === 0 && (
            <tr>
              <td colSpan={2} class="faint">
                It was never anywhere.
              </td>
            </tr>
          )}
        </tbody>
      </table>
      {writes && (
        <p class="actions">
          {(['receive', 'issue', 'transfer', 'count'] as const).map((kind) => (
            <a key={kind} class="button small" href={`/stock/${kind}?item=${item.id}`}>
              {kind.charAt(0).toUpperCase() + kind.slice(1)}
            </a>
          ))}
        </p>
      )}
    </section>
  );
}
