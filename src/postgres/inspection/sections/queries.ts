import { column, optional } from '../column.js';
import { defineSection } from '../section.js';
import { MOST_ROWS, NOT_OURS, oneLine, secondsSince } from '../sql-parts.js';

/** Running queries, the longest first. */
export const queries = defineSection({
  id: 'queries',
  title: 'Running queries',
  meaning:
    'What the server does at this moment, the longest first. A query that waits names what for. To end one gently: pg_cancel_backend(pid).',
  columns: {
    pid: column('count', 'pid'),
    seconds: column('seconds', 'since'),
    role: optional('text', 'role'),
    database: optional('text', 'database'),
    application: optional('text', 'application'),
    waitsFor: optional('text', 'waits for', "PostgreSQL's wait event"),
    query: column('statement', 'query', 'on one line, cut; passwords redacted'),
  },
  sql: () => `
SELECT a.pid, ${secondsSince('a.query_start')} AS seconds, a.usename AS role, a.datname AS database,
  nullif(a.application_name, '') AS application,
  CASE WHEN a.wait_event_type <> 'Client' THEN a.wait_event_type || ': ' || a.wait_event END AS "waitsFor",
  ${oneLine('a.query')} AS query
FROM pg_stat_activity a
WHERE a.state = 'active' AND a.backend_type IN ('client backend', 'parallel worker') AND a.leader_pid IS NULL AND ${NOT_OURS}
ORDER BY 2 DESC, 1 LIMIT ${MOST_ROWS}`,
});
