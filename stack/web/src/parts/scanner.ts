import { answer, api, type ListedItem } from '../api/client';

/** What somebody scanned or typed: a code, and how many. */
export interface Scan {
  readonly code: string;
  readonly count: number;
}

/** `12*CODE` is twelve of it. */
export function scanOf(text: string): Scan | undefined {
  const [, count, code = ''] = /^(?:(\d{1,9})\s*[*×]\s*)?(.*)$/s.exec(text.normalize('NFC').trim()) ?? [];
  if (code === '' || count === '0') return undefined;
  return { code, count: count === undefined ? 1 : Number(count) };
}

/** The items that a code may mean: the one that has it as its barcode, else as its SKU, else those that a search finds. */
export async function itemsOf(code: string): Promise<readonly ListedItem[]> {
  const found = async (query: { barcode?: string; sku?: string; search?: string }) =>
    (await answer(api.GET('/api/v1/items', { params: { query: { ...query, limit: 8 } } }))).data;
  if (code.length <= 64) {
    for (const exact of [{ barcode: code }, { sku: code }]) {
      const items = await found(exact);
      if (items.length > 0) return items;
    }
  }
  return code.length <= 100 ? found({ search: code }) : [];
}
