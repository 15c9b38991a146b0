import type { Schemas } from '../api/client';
import { Notice } from '../parts/notice';
import { countText, signedText } from '../parts/numbers';
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
  const name = (id: number) => lines.find(({ item }) => item.id === id)?.item.name ?? `item ${id}`;
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
              <a href={`/items/${item_id}`}>{name(item_id)}</a> {signedText(delta)} at {code(location_id)}:
              now <b>{countText(balance_after)}</b>
            </li>
          ))}
          {movements.length > 8 && <li>and {movements.length - 8} more</li>}
        </ul>
      )}
    </Notice>
  );
}
