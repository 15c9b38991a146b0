import type { Facts } from './manifest.js';
import { onlyRow, type Session } from './session.js';

/** Settings under which the same value has the same text on every server. */
const CANONICAL_TEXT = `
SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex';
SET extra_float_digits = 1; SET lc_monetary = 'C'; SET search_path = pg_catalog;`;

/**
 * Adds to each table a hash of its rows that does not depend on their order: the sums of both halves of each row's
 * MD5. Two tables with the same hash have the same rows, short of an attack; this is no cryptographic statement.
 */
export async function withContentHashes(session: Session, facts: Facts): Promise<Facts> {
  await session.run(CANONICAL_TEXT);
  const tables: Facts['tables'] = [];
  for (const table of facts.tables) {
    const half = (from: number) => `sum(('x' || substr(m, ${from}, 16))::bit(64)::bigint::numeric)`;
    const { hash } = await onlyRow<{ hash: string }>(
      session,
      `SELECT concat_ws(':', count(*), coalesce(${half(1)}, 0), coalesce(${half(17)}, 0)) AS hash
         FROM (SELECT md5(t::text) AS m FROM ONLY ${table.name} t) rows`,
    );
    tables.push({ ...table, contentHash: hash });
  }
  return { ...facts, tables };
}
