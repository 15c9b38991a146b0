import { useEffect, useRef, useState } from 'preact/hooks';
import { answer, api, type Item, type Movement } from '../api/client';
import { Failure } from '../api/failure';
import { Chart } from '../parts/chart';
import { useLocations } from '../parts/lookups';
import { FailureNotice } from '../parts/notice';
import { changeText, quantityText, tidy, timeText } from '../parts/numbers';

const AT_ONCE = 50;

/** The movements of an item, the newest first, and what they made of its balance. */
export function ItemLedger({ item, onHand }: { readonly item: Item; readonly onHand: number | undefined }) {
  const locations = useLocations();
  const [movements, setMovements] = useState<readonly Movement[]>();
  const [next, setNext] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure>();
  const busy = useRef(false);

  async function more(cursor: string | undefined) {
    if (busy.current) return;
    busy.current = true;
    try {
      const page = await answer(
        api.GET('/api/v1/items/{id}/movements', {
          params: { path: { id: item.id }, query: { limit: AT_ONCE, cursor } },
        }),
      );
      setMovements((before) => (cursor === undefined ? page.data : [...(before ?? []), ...page.data]));
      setNext(page.next_cursor);
      setFailure(undefined);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setFailure(error);
    } finally {
      busy.current = false;
    }
  }
  useEffect(() => void more(undefined), [item.id]);

  const codes = new Map(locations.data?.map(({ id, code }) => [id, code]));
  return (
    <section aria-label="Ledger" class="panel">
      <h2>Ledger</h2>
      <FailureNotice failure={failure}>
        <button type="button" onClick={() => more(next ?? undefined)}>
          Try again
        </button>
      </FailureNotice>
      <div class="chart-room">
        {movements && movements.length > 0 && onHand !== undefined && (
          <Balance movements={movements} onHand={onHand} item={item} />
        )}
        {movements?.length === 0 && <p class="faint">Nothing has moved yet.</p>}
      </div>
      {movements && movements.length > 0 && (
        <section class="scroll" tabIndex={0} aria-label="Movements">
          <table>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">What</th>
                <th scope="col">Location</th>
                <th scope="col" class="number">
                  Change
                </th>
                <th scope="col" class="number">
                  Balance there
                </th>
                <th scope="col">Reference and reason</th>
              </tr>
            </thead>
            <tbody>
              {movements.map((movement) => (
                <tr key={movement.id}>
                  <td>{timeText(movement.created_at)}</td>
                  <td>{movement.kind}</td>
                  <td>{codes.get(movement.location_id) ?? ''}</td>
                  <td class={movement.delta < 0 ? 'number minus' : 'number plus'}>
                    {changeText(movement.delta, item)}
                  </td>
                  <td class="number">{quantityText(movement.balance_after, item)}</td>
                  <td class="text">{[movement.reference, movement.reason].filter(Boolean).join(' · ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {next && (
        <p class="actions">
          <button type="button" onClick={() => more(next)}>
            Show earlier movements
          </button>
        </p>
      )}
    </section>
  );
}

/** The balance over all locations after each movement, from what is on hand now and backwards. */
function Balance({
  movements,
  onHand,
  item,
}: {
  readonly movements: readonly Movement[];
  readonly onHand: number;
  readonly item: Item;
}) {
  const times: number[] = [];
  const balances: number[] = [];
  let balance = onHand;
  for (const { created_at, delta } of movements) {
    times.unshift(Date.parse(created_at) / 1000);
    balances.unshift(balance);
    balance = tidy(balance - delta);
  }
  // Until now it has stayed as it is.
  times.push(Math.max(Date.now() / 1000, times.at(-1) ?? 0));
  balances.push(onHand);
  const label = `Balance over time: from ${quantityText(balances[0] ?? 0, item)} to ${quantityText(onHand, item)} ${item.unit}`;
  return (
    <Chart label={label} times={times} series={[{ name: 'On hand', values: balances, shape: 'steps' }]} />
  );
}
