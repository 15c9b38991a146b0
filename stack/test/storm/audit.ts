import type { Client } from 'pg';

/** What must hold of levels, ledger and keys at any time; each query finds the rows that break it. */
const INVARIANTS = {
  'on hand is the sum of the movements': `
    SELECT item_id, location_id, on_hand, total
    FROM (SELECT item_id, location_id, sum(delta) AS total FROM movements GROUP BY 1, 2) AS summed
    FULL JOIN stock_levels USING (item_id, location_id)
    WHERE coalesce(on_hand, 0) <> coalesce(total, 0)`,
  'on hand ≥ 0': `
    SELECT item_id, location_id, on_hand FROM stock_levels WHERE on_hand < 0`,
  'each balance follows from the one before': `
    SELECT id, item_id, location_id, delta, balance_after, before FROM (
      SELECT *, coalesce(lag(balance_after) OVER (PARTITION BY item_id, location_id ORDER BY id), 0) AS before
      FROM movements
    ) AS chained
    WHERE balance_after <> before + delta`,
  'each key has moved stock in one group': `
    SELECT actor_id, idempotency_key, array_agg(DISTINCT group_id) AS groups
    FROM movements WHERE idempotency_key IS NOT NULL
    GROUP BY 1, 2 HAVING count(DISTINCT group_id) > 1`,
  'a movement with a key has its answer stored': `
    SELECT movements.actor_id, idempotency_key FROM movements LEFT JOIN idempotency_keys
      ON idempotency_keys.actor_id = movements.actor_id AND key = idempotency_key
    WHERE idempotency_key IS NOT NULL AND key IS NULL`,
} as const;

/** @returns a sentence for each invariant that is broken, with the first rows that break it. */
export async function brokenInvariants(client: Client): Promise<string[]> {
  const broken: string[] = [];
  for (const [invariant, sql] of Object.entries(INVARIANTS)) {
    const { rows } = await client.query(sql);
    if (rows.length > 0) broken.push(`${invariant}: not for ${JSON.stringify(rows.slice(0, 5))}`);
  }
  return broken;
}
