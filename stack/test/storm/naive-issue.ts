import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';

const READ_TO_WRITE_MS = 10;

/**
 * The wrong way to issue one line: read, decide, write. Two at once read the same stock. It keeps every constraint
 * of the schema, so only the ledger shows what went wrong.
 */
export async function naiveIssue(pool: Pool, itemId: number, quantity: number): Promise<boolean> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query(
      'SELECT on_hand FROM stock_levels WHERE item_id = $1 AND location_id = 1',
      [itemId],
    );
    // Time for the others to read the same: on a machine with other work each might be done before the next begins.
    await delay(READ_TO_WRITE_MS);
    const onHand = Number(rows[0].on_hand) - quantity;
    const enough = Number(rows[0].on_hand) >= quantity;
    if (enough) {
      await client.query('UPDATE stock_levels SET on_hand = $2 WHERE item_id = $1 AND location_id = 1', [
        itemId,
        onHand,
      ]);
      await client.query(
        `INSERT INTO movements (group_id, item_id, location_id, delta, balance_after, kind)
         VALUES (nextval('movement_groups'), $1, 1, $2, $3, 'issue')`,
        [itemId, -quantity, onHand],
      );
    }
    await client.query('COMMIT');
    return enough;
  } finally {
    client.release();
  }
}
