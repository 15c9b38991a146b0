import { useEffect, useState } from 'preact/hooks';
import { type Item, newKey } from '../api/client';
import { tidy } from '../parts/numbers';

export const STOCK_KINDS = ['receive', 'issue', 'transfer', 'count'] as const;
export type StockKind = (typeof STOCK_KINDS)[number];

export interface Line {
  readonly item: Pick<Item, 'id' | 'sku' | 'name' | 'unit' | 'decimals'>;
  /** As it is typed. */
  readonly quantity: string;
}

/** An operation that is being put together. It outlives a reload, and goes with the session. */
export interface StockDraft {
  readonly lines: readonly Line[];
  /** Where it comes in, goes out or is counted; from where, for a transfer. */
  readonly location: number | undefined;
  readonly to: number | undefined;
  readonly reference: string;
  readonly reason: string;
  /** Sent with it every time, so that it is done once. */
  readonly key: string;
  /** Whether it was sent and got no answer: it may have been done. */
  readonly unknown: boolean;
}

export function newDraft(): StockDraft {
  return {
    lines: [],
    location: undefined,
    to: undefined,
    reference: '',
    reason: '',
    key: newKey(),
    unknown: false,
  };
}

export function useStockDraft(kind: StockKind) {
  const name = `inventory.stock.${kind}`;
  const [draft, setDraft] = useState<StockDraft>(() => {
    try {
      return { ...newDraft(), ...JSON.parse(sessionStorage.getItem(name) ?? '{}') };
    } catch {
      return newDraft();
    }
  });
  useEffect(() => sessionStorage.setItem(name, JSON.stringify(draft)), [name, draft]);
  return [draft, setDraft] as const;
}

/** Adds so many of an item: to its line, if it has one. The line that changed is the first. */
export function withItem(lines: readonly Line[], item: Line['item'], more: number): Line[] {
  const line = lines.find((other) => other.item.id === item.id);
  const others = lines.filter((other) => other !== line);
  return [{ item, quantity: String(tidy((Number(line?.quantity) || 0) + more)) }, ...others];
}
