import { column, optional } from '../column.js';
import { defineSection } from '../section.js';

/** Every database of the server. */
export const databases = defineSection({
  id: 'databases',
  title: 'Databases',
  meaning:
    'Every database of the server. Reads that hit are served from shared_buffers; what spills was too large for work_mem.',
  columns: {
    name: column('text', 'database'),
    bytes: optional('bytes', 'size', 'null where the role may not know'),
    connections: column('count', 'connections'),
    hitPercent: optional('percent', 'hits', 'of reads, served from shared_buffers'),
    spilledBytes: column('bytes', 'spilled', 'temporary files since the counters began'),
    deadlocks: column('count', 'deadlocks'),
    rollbackPercent: optional('percent', 'rolled back', 'of transactions'),
  },
  sql: () => `
SELECT d.datname AS name,
  CASE WHEN has_database_privilege(d.oid, 'CONNECT') OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
    THEN pg_database_size(d.oid) END AS bytes,
  coalesce(s.numbackends, 0) AS connections,
  round(100.0 * s.blks_hit / nullif(s.blks_hit + s.blks_read, 0), 1) AS "hitPercent",
  coalesce(s.temp_bytes, 0) AS "spilledBytes", coalesce(s.deadlocks, 0) AS deadlocks,
  round(100.0 * s.xact_rollback / nullif(s.xact_commit + s.xact_rollback, 0), 1) AS "rollbackPercent"
FROM pg_database d LEFT JOIN pg_stat_database s ON s.datid = d.oid
WHERE d.datallowconn AND NOT d.datistemplate ORDER BY 2 DESC NULLS LAST, 1`,
});
