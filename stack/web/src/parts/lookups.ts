import { answer, api, type Schemas, whole } from '../api/client';
import { type Loaded, useLoad } from './load';

type Named = { readonly id: number; readonly name: string };

const readers = {
  categories: () =>
    whole<Schemas['Category']>((cursor) =>
      answer(api.GET('/api/v1/categories', { params: { query: { limit: 200, cursor } } })),
    ),
  suppliers: () =>
    whole<Schemas['Supplier']>((cursor) =>
      answer(api.GET('/api/v1/suppliers', { params: { query: { limit: 200, cursor } } })),
    ),
};

/** What items may be grouped by, or come from. */
export function useNames(kind: keyof typeof readers): {
  list: readonly Named[];
  of: (id: number | null) => string;
} {
  const { data = [] } = useLoad<Named[]>(readers[kind], [kind]);
  return {
    list: data,
    of: (id) => (id === null ? '' : (data.find((entry) => entry.id === id)?.name ?? '')),
  };
}

export function useLocations(): Loaded<Schemas['Location'][]> {
  return useLoad(
    () =>
      whole((cursor) => answer(api.GET('/api/v1/locations', { params: { query: { limit: 200, cursor } } }))),
    [],
  );
}
