import type { Schemas } from '../api/client';
import { Notice } from '../parts/notice';
import { changeText, quantityText, unitText } from '../parts/numbers';
import type { Line, StockKind } from './stock-draft';

interface DoneProps {
  readonly kind: StockKind;
  readonly operation: Schemas['StockOperation'];
  readonly lines: readonly Line[];
  readonly locations: readonly Schemas['Location'][];
}

const WORDS: Readonly<Record<StockKind, string>> = {
  receive: 'Received',
  issue: 'Issued',
  transfer: 'Moved',
  count: 'Counted',
};

/** What an operation has done, with the balances that it left. */
export function Done({ kind, operation: { group, movements }, lines, locations }: DoneProps) {
  const item = (id: number) =>
    lines.find((line) => line.item.id === id)?.item ?? { name: `item ${id}`, unit: '', decimals: 0 };
  const code = (id: number) => locations.find((location) => location.id === id)?.code ?? '';
  return (
    <Notice>
      <p>
        <b>{WORDS[kind]}.</b>{' '}
        {movements.length === 0
          ? 'Everything was right already: nothing has changed.'
          : `Operation ${group}.`}
      </p>
      {movements.length > 0 && (
        <ul>
          {movements.slice(0, 8).map(({ id, item_id, location_id, delta, balance_after }) => (
            <li key={id}>
              <a href={`/items/${item_id}`}>{item(item_id).name}</a> {changeText(delta, item(item_id))} at{' '}
              {code(location_id)}: now <b>{quantityText(balance_after, item(item_id))}</b>{' '}
              {unitText(item(item_id).unit)}
            </li>
          ))}
          {movements.length > 8 && <li>and {movements.length - 8} more</li>}
        </ul>
      )}
    </Notice>
  );
}
