import { literal } from '../../../system/sql.js';
import { column } from '../column.js';
import { defineSection } from '../section.js';
import type { Server } from '../server.js';
import { MOST_ROWS, oneLine } from '../sql-parts.js';
import { changeSetting, psqlCommand } from '../words.js';

const LIBRARY = 'pg_stat_statements';

const libraries = ({ preloaded }: Server) =>
  (preloaded ?? '')
    .split(',')
    .map((name) => name.trim().replaceAll('"', ''))
    .filter((name) => name !== '');

/** Total cost of queries, if the server counts it. */
export const statements = defineSection({
  id: 'statements',
  title: 'Costliest queries (pg_stat_statements)',
  meaning:
    'Which queries of this database took the most time in sum since the counters began. The first ones are worth an index or another query.',
  columns: {
    calls: column('count', 'calls'),
    seconds: column('seconds', 'in sum'),
    meanMs: column('count', 'mean ms'),
    rows: column('count', 'rows'),
    hitPercent: column('percent', 'hits'),
    query: column('statement', 'query', 'on one line, cut; passwords redacted'),
  },
  lacks(server) {
    if (server.preloaded !== null && !libraries(server).includes(LIBRARY)) {
      if (!server.statementsAvailable) {
        return {
          reason: 'the installation of this PostgreSQL does not have pg_stat_statements',
          next: 'install its contrib package; the official images have it',
        };
      }
      const list = [...libraries(server), LIBRARY].map(literal).join(', ');
      return {
        reason:
          'the server does not count what queries cost; to count takes a restart, and a few per cent of time',
        next: `${changeSetting(server, 'shared_preload_libraries', list, true)}, then: ${psqlCommand(`CREATE EXTENSION ${LIBRARY}`)}`,
      };
    }
    if (server.statementsSchema !== null) return undefined;
    return {
      reason:
        server.preloaded === null
          ? `this database has no extension ${LIBRARY}, and the role may not know whether the server counts for it`
          : 'the server counts what queries cost, and this database has no view of it',
      next: psqlCommand(`CREATE EXTENSION ${LIBRARY}`),
    };
  },
  sql: ({ statementsSchema }) => `
SELECT s.calls, round((s.total_exec_time / 1000)::numeric, 3)::float8 AS seconds,
  round(s.mean_exec_time::numeric, 2)::float8 AS "meanMs", s.rows,
  coalesce(round(100.0 * s.shared_blks_hit / nullif(s.shared_blks_hit + s.shared_blks_read, 0), 1), 100) AS "hitPercent",
  ${oneLine('s.query')} AS query
FROM ${statementsSchema}.pg_stat_statements s
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.query IS NOT NULL
ORDER BY s.total_exec_time DESC LIMIT ${MOST_ROWS}`,
});
