import createClient from 'openapi-fetch';
import type { components, paths } from '../../dist/schema';
import { failureOf } from './failure';
import { authorized } from './session';

export type Schemas = components['schemas'];
export type Item = Schemas['Item'];
export type ListedItem = Schemas['ItemPage']['data'][number];
export type Movement = Schemas['Movement'];

/** The API as its OpenAPI document describes it. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: authorized });

interface Result<Data> {
  readonly data?: Data;
  readonly error?: unknown;
  readonly response: Response;
}

/** The body of an answer. @throws {Failure} for any answer that is not a success. */
export async function answer<Data>(result: Promise<Result<Data>>): Promise<Data> {
  return (await versioned(result)).data;
}

/** The body of an answer and its ETag. @throws {Failure} */
export async function versioned<Data>(result: Promise<Result<Data>>): Promise<{ data: Data; etag: string }> {
  const { data, error, response } = await result;
  if (!response.ok) throw failureOf(response.status, error);
  return { data: data as Data, etag: response.headers.get('etag') ?? '' };
}

/** A value that no other request has. `crypto.randomUUID` is there over https only. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** All entries of a list that people made by hand: locations, categories, suppliers. */
export async function whole<Entry>(
  page: (cursor: string | undefined) => Promise<{ data: Entry[]; next_cursor: string | null }>,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  let cursor: string | undefined;
  do {
    const { data, next_cursor } = await page(cursor);
    entries.push(...data);
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined && entries.length < 5000);
  return entries;
}
