import { column, optional } from '../column.js';
import { defineSection } from '../section.js';
import { MOST_ROWS, OF_PEOPLE } from '../sql-parts.js';

/** Tables by the number of blocks that were read from outside of shared_buffers. */
export const cache = defineSection({
  id: 'cache',
  title: 'Cache',
  meaning:
    'Pages that were not in shared_buffers and came from the system, most first. A table of a busy system that is read often should hit above 99 %; one that is read whole once need not.',
  columns: {
    schema: column('text', 'schema'),
    table: column('text', 'table'),
    readBytes: column('bytes', 'fetched', 'of the table and its indexes, since the counters began'),
    tablePercent: optional('percent', 'table hits'),
    indexPercent: optional('percent', 'index hits'),
  },
  sql: () => `
SELECT n.nspname AS schema, c.relname AS "table",
  (coalesce(s.heap_blks_read, 0) + coalesce(s.idx_blks_read, 0)) * current_setting('block_size')::bigint AS "readBytes",
  round(100.0 * s.heap_blks_hit / nullif(s.heap_blks_hit + s.heap_blks_read, 0), 1) AS "tablePercent",
  round(100.0 * s.idx_blks_hit / nullif(s.idx_blks_hit + s.idx_blks_read, 0), 1) AS "indexPercent"
FROM pg_statio_all_tables s JOIN pg_class c ON c.oid = s.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE ${OF_PEOPLE} AND coalesce(s.heap_blks_read, 0) + coalesce(s.idx_blks_read, 0) > 0
ORDER BY 3 DESC, 1, 2 LIMIT ${MOST_ROWS}`,
});
