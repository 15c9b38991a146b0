import { column } from '../column.js';
import { defineSection } from '../section.js';
import { MOST_ROWS, OF_PEOPLE } from '../sql-parts.js';
import { psqlCommand, qualified, shown } from '../words.js';

const FELT_BYTES = 100_000_000;
const FELT_PERCENT = 50;
/** Bytes of a heap row's header and its pointer in the page (storage-page-layout.html). */
const ROW_OVERHEAD = 28;
const PAGE_HEADER = 24;
/** Bytes of an index entry's header and its pointer, and those of a b-tree page that hold no entries. */
const ENTRY_OVERHEAD = 12;
const BTREE_PAGE_OVERHEAD = 40;

const fillfactor = (alias: string, otherwise: number) =>
  `coalesce((SELECT option_value::int FROM pg_options_to_table(${alias}.reloptions) WHERE option_name = 'fillfactor'), ${otherwise})`;
/** Average row width by the planner's statistics, each value rounded up to a multiple of 4 bytes. */
const WIDTH = `sum((1 - s.null_frac) * ceil(s.avg_width / 4.0) * 4)`;

/** Unused space in tables and indexes, estimated from the planner's statistics. */
export const bloat = defineSection({
  id: 'bloat',
  title: 'Bloat (estimated)',
  meaning:
    'Space that an UPDATE or DELETE left behind and that later rows fill again. Estimated from the statistics of the last ANALYZE; a table without any is not in it. Only what stays far above its rows is worth a rewrite.',
  columns: {
    kind: column('text', 'kind', 'table or index'),
    schema: column('text', 'schema'),
    name: column('text', 'name'),
    bytes: column('bytes', 'size'),
    wastedBytes: column('bytes', 'wasted', 'an estimate'),
    wastedPercent: column('percent', 'share', 'of its size'),
  },
  sql: () => `
WITH page AS (SELECT current_setting('block_size')::int AS bytes),
heap AS (
  SELECT 'table' AS kind, n.nspname, c.relname, c.relpages::bigint AS pages,
    ceil(c.reltuples * (${ROW_OVERHEAD} + (${WIDTH}))
      / ((page.bytes - ${PAGE_HEADER}) * ${fillfactor('c', 100)} / 100.0)) AS needed
  FROM page, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND NOT s.inherited
  WHERE c.relkind IN ('r', 'm') AND c.reltuples >= 0 AND c.relpages > 10 AND ${OF_PEOPLE}
  GROUP BY n.nspname, c.oid, c.relname, c.relpages, c.reltuples, c.reloptions, page.bytes),
tree AS (
  SELECT 'index' AS kind, n.nspname, ic.relname, ic.relpages::bigint AS pages,
    1 + ceil(ic.reltuples * (${ENTRY_OVERHEAD} + (${WIDTH}))
      / ((page.bytes - ${BTREE_PAGE_OVERHEAD}) * ${fillfactor('ic', 90)} / 100.0)) AS needed
  FROM page, pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])
    JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited
  WHERE ic.relkind = 'i' AND ic.relam = (SELECT oid FROM pg_am WHERE amname = 'btree') AND i.indexprs IS NULL
    AND i.indisvalid AND ic.reltuples >= 0 AND ic.relpages > 10 AND ${OF_PEOPLE}
  GROUP BY n.nspname, ic.oid, ic.relname, ic.relpages, ic.reltuples, ic.reloptions, page.bytes)
SELECT kind, nspname AS schema, relname AS name, pages * page.bytes AS bytes,
  (pages - needed)::bigint * page.bytes AS "wastedBytes",
  round((100 * (pages - needed) / pages)::numeric, 1) AS "wastedPercent"
FROM (SELECT * FROM heap UNION ALL SELECT * FROM tree) b, page
WHERE pages - needed > 10 AND 100 * (pages - needed) / pages >= 10
ORDER BY 5 DESC, 2, 3 LIMIT ${MOST_ROWS}`,
  hints: (rows) =>
    rows
      .filter(({ wastedBytes, wastedPercent }) => wastedBytes >= FELT_BYTES && wastedPercent >= FELT_PERCENT)
      .map(({ kind, schema, name, wastedPercent }) => ({
        weight: 'info',
        message: `about ${Math.round(wastedPercent)} % of the ${kind} ${shown(schema, name)} is empty space`,
        next:
          kind === 'index'
            ? psqlCommand(`REINDEX INDEX CONCURRENTLY ${qualified(schema, name)}`)
            : `${psqlCommand(`VACUUM (FULL, ANALYZE) ${qualified(schema, name)}`)}      (nobody can read the table meanwhile; pg_repack works beside them)`,
      })),
});
