import { setImmediate } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { asFailure } from '../database/connection.js';
import type { Statement } from '../database/database.js';
import type { Row } from './columns.js';
import type { InventoryFile } from './csv.js';

/** The file's rows as a temporary table: their numbers, cells, and what is wrong with them so far. */
export const PREPARE_STAGING: readonly Statement[] = [
  // A million rows are joined and sorted: in memory, and without the wait for a compiler.
  { text: "SET LOCAL work_mem = '64MB'" },
  { text: 'SET LOCAL jit = off' },
  // The words of new names wait in a list; they are brought into their index after the import has been answered for.
  { text: "SET LOCAL gin_pending_list_limit = '64MB'" },
  {
    text: `CREATE TEMPORARY TABLE staged (
    row_number bigint NOT NULL, sku text COLLATE "C", name text, unit text, unit_price numeric, quantity numeric,
    reorder_point numeric, category text, supplier text, barcode text COLLATE "C", decimals smallint, location text,
    counted numeric, errors jsonb
  ) ON COMMIT DROP`,
  },
];

/** Copies rows into the staging table. @returns how many. @throws what reading the rows throws, or pg. */
export async function stage(client: PoolClient, { columns, rows: batches }: InventoryFile): Promise<number> {
  const stream = client.query(copyFrom(`COPY staged (row_number, errors, ${columns.join(', ')}) FROM STDIN`));
  const failed = new Promise<never>((_, reject) => {
    // The stream may report more than one, and is not to be written to after the first.
    stream.on('error', (error) => reject(asFailure(error)));
  });
  // Waited for below; until then a failure must not count as unhandled.
  failed.catch(() => {});
  const happened = (event: 'drain' | 'finish') =>
    new Promise<void>((resolve) => stream.once(event, () => resolve()));
  const finished = happened('finish');
  let count = 0;
  try {
    for await (const rows of batches) {
      count += rows.length;
      let lines = '';
      for (const row of rows) lines += encode(row, columns.length);
      await Promise.race([failed, stream.write(lines) ? setImmediate() : happened('drain')]);
    }
    stream.end();
    await Promise.race([failed, finished]);
    return count;
  } catch (error) {
    stream.destroy(error instanceof Error ? error : undefined);
    throw error;
  }
}

/** A line of COPY's text format. */
function encode({ number, cells, errors }: Row, columns: number): string {
  let text = `${number}\t${field(errors.length > 0 ? JSON.stringify(errors) : undefined)}`;
  for (let index = 0; index < columns; index += 1) text += `\t${field(cells[index])}`;
  return `${text}\n`;
}

function field(value: string | undefined): string {
  if (value === undefined) return '\\N';
  return /[\\\t\n\r]/.test(value)
    ? value.replaceAll(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? '')
    : value;
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
