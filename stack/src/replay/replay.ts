import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type ApiClient, codeOf, reasonOf } from './api-client.js';
import { type OrderLine, type OrderRow, type Refusal, readOrderRows } from './order-lines.js';

/** Requests in flight at once; the lines of one item wait for each other. */
const LANES = 8;
/** Rows that are read ahead of the answers. */
const ROWS_AHEAD = 8 * LANES;

export interface Tally {
  rows: number;
  issued: number;
  returned: number;
  /** Rows that an earlier run had done. */
  repeated: number;
  refused: number;
}

export interface ReplayOptions {
  readonly client: ApiClient;
  /** A CSV file of order lines. */
  readonly file: string;
  /** What to import first if the API has no items at all. */
  readonly inventoryFile: string;
  /** Told of each row that is no movement, in the order in which that is found out. */
  readonly onRefusal: (row: number, refusal: Refusal) => void;
  /** Told after each row, with the place in the file in bytes. */
  readonly onProgress: (tally: Tally, byte: number) => void;
}

/**
 * Replays order lines as movements: a positive quantity is issued, a negative one received, with the invoice as
 * their reference. The lines of an item keep their order. Each line has an Idempotency-Key made from its place and
 * content, so a run that broke off is finished by another, and a second run changes nothing, as long as the API
 * remembers keys.
 *
 * @throws {Error} when the file cannot be read, or the API is away for long or refuses what it should not.
 */
export async function replay(options: ReplayOptions): Promise<Tally> {
  const { client, file, onRefusal, onProgress } = options;
  const itemIds = await readItemIds(client, options.inventoryFile);
  const tally: Tally = { rows: 0, issued: 0, returned: 0, repeated: 0, refused: 0 };
  const lanes = new Map<number, Promise<void>>();
  const unfinished = new Set<Promise<void>>();
  let failure: unknown;

  const settle = async (row: OrderRow) => {
    const outcome =
      'refusal' in row.content ? row.content.refusal : await post(client, itemIds, row, row.content.line);
    tally.rows += 1;
    if (typeof outcome === 'string') {
      tally[outcome] += 1;
    } else {
      tally.refused += 1;
      onRefusal(row.number, outcome);
    }
    onProgress(tally, row.endByte);
  };

  for await (const row of readOrderRows(createReadStream(file))) {
    const lane = 'line' in row.content ? laneOf(row.content.line) : 0;
    const done = (lanes.get(lane) ?? Promise.resolve())
      .then(() => (failure === undefined ? settle(row) : undefined))
      .catch((error) => {
        failure ??= error;
      })
      .finally(() => unfinished.delete(done));
    lanes.set(lane, done);
    unfinished.add(done);
    if (unfinished.size >= ROWS_AHEAD) await Promise.race(unfinished);
    if (failure !== undefined) break;
  }
  await Promise.all(unfinished);
  if (failure !== undefined) throw failure;
  return tally;
}

/** The ids of all items by SKU, after the import of `inventoryFile` if there were none. */
async function readItemIds(client: ApiClient, inventoryFile: string): Promise<Map<string, number>> {
  const ids = await listItemIds(client);
  if (ids.size > 0) return ids;
  await client.expect({
    method: 'POST',
    path: '/imports',
    headers: { 'content-type': 'text/csv' },
    body: await readFile(inventoryFile, 'utf8'),
  });
  return listItemIds(client);
}

async function listItemIds(client: ApiClient): Promise<Map<string, number>> {
  const ids = new Map<string, number>();
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = (await client.expect({
      method: 'GET',
      path: `/items?limit=200${cursor && `&cursor=${cursor}`}`,
    })) as { data: { id: number; sku: string }[]; next_cursor: string | null };
    for (const { id, sku } of page.data) ids.set(sku, id);
    cursor = page.next_cursor;
  }
  return ids;
}

async function post(
  client: ApiClient,
  itemIds: ReadonlyMap<string, number>,
  row: OrderRow,
  { invoice, sku, quantity }: OrderLine,
): Promise<'issued' | 'returned' | 'repeated' | Refusal> {
  const itemId = itemIds.get(sku);
  if (itemId === undefined) {
    const other = itemIds.has(sku.toUpperCase()) ? `, though ${sku.toUpperCase()} is` : '';
    return { column: 'StockCode', reason: `is no item${other}`, value: sku };
  }
  const isReturn = quantity < 0;
  const answer = await client.send({
    method: 'POST',
    path: isReturn ? '/stock/receive' : '/stock/issue',
    headers: { 'content-type': 'application/json', 'idempotency-key': keyOf(row) },
    body: JSON.stringify({
      lines: [{ item_id: itemId, quantity: Math.abs(quantity) }],
      reference: invoice,
      ...(isReturn ? { reason: 'return' } : {}),
    }),
  });
  if (answer.status === 201) {
    if (answer.headers.has('idempotency-replayed')) return 'repeated';
    return isReturn ? 'returned' : 'issued';
  }
  // What is no fault of the row would be the same for all others.
  if (answer.status !== 409 && answer.status !== 422) {
    throw new Error(`row ${row.number} was answered with ${answer.status}: ${reasonOf(answer.body)}`);
  }
  const column = codeOf(answer.body) === 'insufficient_stock' ? 'Quantity' : 'StockCode';
  return { column, reason: reasonOf(answer.body), value: column === 'Quantity' ? String(quantity) : sku };
}

/** Row number and content: the same line of the same file, also after more lines were added at its end. */
function keyOf({ number, record }: OrderRow): string {
  return `replay-${number}-${createHash('sha256').update(JSON.stringify(record)).digest('hex').slice(0, 32)}`;
}

function laneOf({ sku }: OrderLine): number {
  return createHash('sha256').update(sku).digest().readUInt32LE() % LANES;
}
