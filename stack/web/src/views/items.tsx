import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { answer, api, type ListedItem } from '../api/client';
import { useSession } from '../api/session';
import { useAction } from '../parts/action';
import { KeysetList, PAGE_ROWS } from '../parts/keyset';
import { useNames } from '../parts/lookups';
import { FailureNotice } from '../parts/notice';
import { moneyText, quantityText, unitText } from '../parts/numbers';
import { StockMark } from '../parts/stock-mark';
import { View } from '../parts/view';
import { VirtualRows } from '../parts/virtual-rows';

const TYPING_MS = 150;
const SORTS = ['sku', '-sku', 'name', '-name', '-id'] as const;
type Sort = (typeof SORTS)[number];

interface Query {
  readonly search: string;
  readonly sort: Sort;
  readonly category: string;
  readonly archived: boolean;
}

function queryOf(query: Readonly<Record<string, string>>): Query {
  return {
    search: query.search ?? '',
    sort: SORTS.find((sort) => sort === query.sort) ?? 'sku',
    category: /^\d+$/.test(query.category ?? '') ? (query.category as string) : '',
    archived: query.archived === 'true',
  };
}

function addressOf({ search, sort, category, archived }: Query): string {
  const parameters = new URLSearchParams({
    ...(search && { search }),
    ...(sort !== 'sku' && { sort }),
    ...(category && { category }),
    ...(archived && { archived: 'true' }),
  }).toString();
  return parameters ? `/items?${parameters}` : '/items';
}

function listOf({ search, sort, category, archived }: Query): KeysetList<ListedItem> {
  const filter = search.normalize('NFC').trim().slice(0, 100);
  return new KeysetList((cursor) =>
    answer(
      api.GET('/api/v1/items', {
        params: {
          query: {
            limit: PAGE_ROWS,
            stock: true,
            sort,
            cursor,
            search: filter || undefined,
            category_id: category ? Number(category) : undefined,
            archived,
          },
        },
      }),
    ),
  );
}

interface Left {
  readonly list: KeysetList<ListedItem>;
  top: number;
}

/** Where the last lists were left, by address, for the way back to them. */
const left = new Map<string, Left>();
const LISTS_KEPT = 4;

function come(address: string, query: Query): Left {
  const known = left.get(address);
  const current = known ? { list: known.list.fresh(), top: known.top } : { list: listOf(query), top: 0 };
  left.delete(address);
  left.set(address, current);
  for (const oldest of left.keys()) if (left.size > LISTS_KEPT) left.delete(oldest);
  return current;
}

export function ItemsView() {
  const { query: parameters, route } = useLocation();
  const { me } = useSession();
  const categories = useNames('categories');
  const query = queryOf(parameters);
  const address = addressOf(query);
  const [typed, setTyped] = useState(query.search);
  const timer = useRef<number | undefined>(undefined);
  const current = useMemo(() => come(address, query), [address]);

  useEffect(() => {
    // What is typed while the address follows is not overwritten by it.
    if (timer.current === undefined) setTyped(query.search);
  }, [query.search]);
  useEffect(() => () => clearTimeout(timer.current), []);
  function go(change: Partial<Query>) {
    // What was typed just now is not lost to another filter.
    clearTimeout(timer.current);
    timer.current = undefined;
    route(addressOf({ ...query, search: typed, ...change }), true);
  }
  function search(text: string) {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => go({ search: text }), TYPING_MS);
  }

  return (
    <View
      title="Items"
      filling
      actions={
        <>
          <Export />
          {me?.role !== 'viewer' && (
            <a class="button" href="/items/new">
              New item
            </a>
          )}
        </>
      }
    >
      <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <input
          type="search"
          data-search
          aria-label="Search items"
          placeholder="Name, SKU or barcode   ( / )"
          maxLength={100}
          value={typed}
          onInput={(event) => search(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'ArrowDown') return;
            event.preventDefault();
            document.querySelector<HTMLElement>('[data-row] a')?.focus();
          }}
        />
        <select
          aria-label="Category"
          value={query.category}
          onChange={(event) => go({ category: event.currentTarget.value })}
        >
          <option value="">All categories</option>
          {categories.list.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
        <select
          aria-label="Order"
          value={query.sort}
          onChange={(event) => go({ sort: event.currentTarget.value as Sort })}
        >
          <option value="sku">By SKU</option>
          <option value="-sku">By SKU, last first</option>
          <option value="name">By name</option>
          <option value="-name">By name, last first</option>
          <option value="-id">Newest first</option>
        </select>
        <label class="check">
          <input
            type="checkbox"
            checked={query.archived}
            onChange={(event) => go({ archived: event.currentTarget.checked })}
          />
          Archived
        </label>
      </form>
      <VirtualRows
        key={address}
        list={current.list}
        label="Items"
        columns={6}
        start={current.top}
        onTop={(top) => {
          current.top = top;
        }}
        head={
          <div class="row item-row" role="row" aria-rowindex={1}>
            <SortHead column="sku" text="SKU" sort={query.sort} go={go} />
            <SortHead column="name" text="Name" sort={query.sort} go={go} />
            <span role="columnheader" class="wide">
              Category
            </span>
            <span role="columnheader" class="number">
              On hand
            </span>
            <span role="columnheader" class="wide number">
              Reorder at
            </span>
            <span role="columnheader" class="middle number">
              Price
            </span>
          </div>
        }
        row={(item) =>
          item ? <ItemCells item={item} category={categories.of(item.category_id)} /> : <Placeholder />
        }
        empty={
          query.search ? (
            <p>
              Nothing is called “{query.search}”, nor has such a SKU or barcode.{' '}
              <button type="button" class="link" onClick={() => search('')}>
                Show all items
              </button>
            </p>
          ) : (
            <p>
              There are no items here. <a href="/import">Import a file</a> or <a href="/items/new">add one</a>
              .
            </p>
          )
        }
      />
    </View>
  );
}

/** Saves all items as a file that Excel opens as it is, and an import takes. */
function Export() {
  const { busy, failure, run } = useAction();
  const save = () =>
    run(async () => {
      const file = await answer(
        api.GET('/api/v1/items/export.csv', { params: { query: { bom: true } }, parseAs: 'blob' }),
      );
      const link = document.createElement('a');
      link.href = URL.createObjectURL(file as Blob);
      link.download = 'items.csv';
      link.click();
      URL.revokeObjectURL(link.href);
      return undefined;
    });
  return (
    <>
      <FailureNotice failure={failure} />
      <button type="button" disabled={busy} onClick={save}>
        Export for Excel
      </button>
    </>
  );
}

function SortHead({
  column,
  text,
  sort,
  go,
}: {
  readonly column: 'sku' | 'name';
  readonly text: string;
  readonly sort: Sort;
  readonly go: (change: Partial<Query>) => void;
}) {
  const direction = sort === column ? 'ascending' : sort === `-${column}` ? 'descending' : 'none';
  return (
    <span role="columnheader" aria-sort={direction} class={column}>
      <button
        type="button"
        class="sort"
        onClick={() => go({ sort: direction === 'ascending' ? `-${column}` : column })}
      >
        {text}
        <span aria-hidden="true">{{ ascending: '↑', descending: '↓', none: '' }[direction]}</span>
      </button>
    </span>
  );
}

function ItemCells({ item, category }: { readonly item: ListedItem; readonly category: string }) {
  return (
    <div class="item-row" role="presentation">
      <span role="cell" class="sku">
        {item.sku}
      </span>
      <span role="cell" class="name">
        <a href={`/items/${item.id}`}>{item.name}</a>
      </span>
      <span role="cell" class="wide faint">
        {category}
      </span>
      <span role="cell" class="number stock">
        <StockMark onHand={item.on_hand ?? 0} reorderPoint={item.reorder_point} />{' '}
        <b>{quantityText(item.on_hand ?? 0, item)}</b> <small class="faint">{unitText(item.unit)}</small>
      </span>
      <span role="cell" class="wide number faint">
        {item.reorder_point > 0 ? quantityText(item.reorder_point, item) : ''}
      </span>
      <span role="cell" class="middle number">
        {moneyText(item.unit_price)}
      </span>
    </div>
  );
}

function Placeholder() {
  return (
    <span role="cell" class="placeholder">
      <span class="hidden">Loading</span>
    </span>
  );
}
