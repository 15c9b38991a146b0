import { answer, api, type ListedItem } from '../api/client';

/** What somebody scanned or typed: a code, and how many. */
export interface Scan {
  readonly code: string;
  readonly count: number;
}

/** `12*CODE` is twelve of it, `1.5*CODE` or `1,5*CODE` one and a half. */
export function scanOf(text: string): Scan | undefined {
  const [, typed = '1', code = ''] =
    /^(?:(\d{1,9}(?:[.,]\d{1,4})?)\s*[*×]\s*)?(.*)$/s.exec(text.normalize('NFC').trim()) ?? [];
  const count = Number(typed.replace(',', '.'));
  return code === '' || count === 0 ? undefined : { code, count };
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
