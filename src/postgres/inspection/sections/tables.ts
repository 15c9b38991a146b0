import { column, optional } from '../column.js';
import { defineSection } from '../section.js';
import { bytesOf, HELD, MOST_ROWS, OF_PEOPLE } from '../sql-parts.js';
import { psqlCommand, shown } from '../words.js';

/** In bytes. Without statistics, queries on a table of this size are planned noticeably badly. */
const FELT_BYTES = 10_000_000;

/** The largest tables. */
export const tables = defineSection({
  id: 'tables',
  title: 'Largest tables',
  meaning:
    'What lies on the disk: the rows, their indexes, and values too long for a row (TOAST). Rows are an estimate of the last ANALYZE. Of a table that somebody has locked, the size is an estimate as well.',
  columns: {
    schema: column('text', 'schema'),
    name: column('text', 'table'),
    bytes: column('bytes', 'size', 'all in all'),
    indexBytes: column('bytes', 'indexes'),
    toastBytes: column('bytes', 'TOAST'),
    rows: optional('count', 'rows', 'null: no ANALYZE has seen it'),
    sequentialScans: column('count', 'read whole', 'times'),
    indexScans: column('count', 'by index', 'times'),
  },
  sql: () => `
WITH ${HELD}, sized AS (
  SELECT c.oid, n.nspname, c.relname, c.reltuples, ${bytesOf('c')} AS own,
    (SELECT coalesce(sum(${bytesOf('ic')}), 0) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
      WHERE i.indrelid = c.oid) AS indexes,
    (SELECT coalesce(sum(${bytesOf('tc')}), 0) FROM pg_class tc WHERE tc.oid = c.reltoastrelid)
      + (SELECT coalesce(sum(${bytesOf('ic')}), 0) FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
        WHERE i.indrelid = c.reltoastrelid) AS toast
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm') AND ${OF_PEOPLE})
SELECT z.nspname AS schema, z.relname AS name, z.own + z.indexes + z.toast AS bytes, z.indexes AS "indexBytes",
  z.toast AS "toastBytes", CASE WHEN z.reltuples >= 0 THEN z.reltuples::bigint END AS rows,
  coalesce(s.seq_scan, 0) AS "sequentialScans", coalesce(s.idx_scan, 0) AS "indexScans"
FROM sized z LEFT JOIN pg_stat_all_tables s ON s.relid = z.oid
ORDER BY 3 DESC, 1, 2 LIMIT ${MOST_ROWS}`,
  hints(rows) {
    const unknown = rows.filter(({ rows: known, bytes }) => known === null && bytes >= FELT_BYTES);
    if (unknown.length === 0) return [];
    const names = unknown.map(({ schema, name }) => shown(schema, name));
    return [
      {
        weight: 'info',
        message: `no ANALYZE has seen ${names.join(', ')}: the planner guesses`,
        next: psqlCommand('ANALYZE'),
      },
    ];
  },
});
