import { column, optional } from '../column.js';
import { type Advice, defineSection } from '../section.js';
import { bytesOf, HELD, MOST_ROWS, OF_PEOPLE } from '../sql-parts.js';
import { psqlCommand, qualified, shown } from '../words.js';

/** In bytes. A smaller index costs almost nothing. */
const FELT_BYTES = 1_000_000;
/**
 * In seconds. Counters must be at least this old before an index counts as unused: a monthly report may need
 * it.
 */
const TELLING_SECONDS = 7 * 86_400;

/**
 * Another index of the table that begins with the same columns. Only plain b-trees without an expression or a
 * condition, because PostgreSQL describes these without a lock.
 */
const COVERED_BY = `
  SELECT oc.relname FROM pg_index o JOIN pg_class oc ON oc.oid = o.indexrelid
   WHERE o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid AND o.indisvalid AND i.indisvalid
     AND NOT i.indisexclusion AND NOT i.indisreplident
     AND ic.relam = oc.relam AND ic.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
     AND i.indexprs IS NULL AND o.indexprs IS NULL AND i.indpred IS NULL AND o.indpred IS NULL
     AND i.indnatts = i.indnkeyatts AND o.indnkeyatts >= i.indnkeyatts
     AND (i.indkey::int2[])[0:i.indnkeyatts - 1] = (o.indkey::int2[])[0:i.indnkeyatts - 1]
     AND (i.indclass::oid[])[0:i.indnkeyatts - 1] = (o.indclass::oid[])[0:i.indnkeyatts - 1]
     AND (i.indcollation::oid[])[0:i.indnkeyatts - 1] = (o.indcollation::oid[])[0:i.indnkeyatts - 1]
     AND (i.indoption::int2[])[0:i.indnkeyatts - 1] = (o.indoption::int2[])[0:i.indnkeyatts - 1]
     AND (NOT i.indisunique OR (o.indisunique AND o.indnkeyatts = i.indnkeyatts))
     AND i.indexrelid NOT IN (SELECT conindid FROM guards)
     AND (o.indnkeyatts > i.indnkeyatts OR o.indisunique > i.indisunique OR o.indisprimary
       OR (o.indisunique = i.indisunique AND o.indexrelid < i.indexrelid))
   ORDER BY o.indisprimary DESC, o.indisunique DESC, o.indnkeyatts, oc.relname LIMIT 1`;

/** Indexes: broken, duplicate, unused, and the largest ones. */
export const indexes = defineSection({
  id: 'indexes',
  title: 'Indexes',
  meaning:
    'Each slows down every write of its table. Unused: no query has read it since the counters began, and it guards no constraint. Doubled: another one begins with the same columns. Invalid: CREATE INDEX CONCURRENTLY broke off, so that it costs and serves nobody.',
  columns: {
    schema: column('text', 'schema'),
    table: column('text', 'table'),
    name: column('text', 'index'),
    bytes: column('bytes', 'size'),
    scans: column('count', 'scans', 'since the counters began'),
    unused: column('flag', 'unused'),
    coveredBy: optional('text', 'doubled by'),
    invalid: column('flag', 'invalid', 'and nobody builds it now'),
  },
  sql: () => `
WITH ${HELD}, guards AS MATERIALIZED (SELECT conindid FROM pg_constraint), judged AS (
  SELECT n.nspname AS schema, c.relname AS "table", ic.relname AS name, ${bytesOf('ic')} AS bytes,
    coalesce(s.idx_scan, 0) AS scans,
    (coalesce(s.idx_scan, 0) = 0 AND i.indisvalid AND NOT i.indisunique AND NOT i.indisexclusion
      AND NOT i.indisreplident AND i.indexrelid NOT IN (SELECT conindid FROM guards)) AS unused,
    (${COVERED_BY}) AS "coveredBy",
    (NOT i.indisvalid AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
      AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.relation = i.indrelid AND l.mode = 'ShareUpdateExclusiveLock'
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))) AS invalid
  FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_all_indexes s ON s.indexrelid = i.indexrelid
  WHERE ic.relkind = 'i' AND ${OF_PEOPLE})
SELECT * FROM judged
ORDER BY invalid DESC, ("coveredBy" IS NOT NULL AND bytes >= ${FELT_BYTES}) DESC,
  (unused AND bytes >= ${FELT_BYTES}) DESC, bytes DESC, schema, name LIMIT ${MOST_ROWS}`,
  dangers: (rows) =>
    rows
      .filter(({ invalid }) => invalid)
      .map(({ schema, table, name }): Advice => {
        // Leftovers of an interrupted REINDEX CONCURRENTLY (sql-reindex.html).
        const leftover = /_cc(new|old)\d*$/.test(name);
        return {
          weight: 'warn',
          message: `the index ${shown(schema, name)} of ${shown(schema, table)} is invalid: every write pays for it, and no query may use it`,
          next: leftover
            ? psqlCommand(`DROP INDEX CONCURRENTLY ${qualified(schema, name)}`)
            : `${psqlCommand(`REINDEX INDEX CONCURRENTLY ${qualified(schema, name)}`)}      (a unique one: remove the duplicates first)`,
        };
      }),
  hints(rows, { replica, countersSeconds }) {
    const large = rows.filter(({ bytes }) => bytes >= FELT_BYTES);
    const doubled = large.flatMap(({ schema, table, name, coveredBy }): Advice[] =>
      coveredBy === null
        ? []
        : [
            {
              weight: 'info',
              message: `${shown(schema, name)} of ${shown(schema, table)} is doubled: ${shown(schema, coveredBy)} begins with the same columns`,
              next: psqlCommand(`DROP INDEX CONCURRENTLY ${qualified(schema, name)}`),
            },
          ],
    );
    // On a replica the counters include only the replica's own queries.
    if (replica || countersSeconds < TELLING_SECONDS) return doubled;
    const unused = large
      .filter((row) => row.unused && row.coveredBy === null)
      .map(
        ({ schema, table, name }): Advice => ({
          weight: 'info',
          message: `no query has read ${shown(schema, name)} of ${shown(schema, table)} for ${Math.floor(countersSeconds / 86_400)} days (a replica may: look there as well)`,
          next: psqlCommand(`DROP INDEX CONCURRENTLY ${qualified(schema, name)}`),
        }),
      );
    return [...doubled, ...unused];
  },
});
