import { column, optional } from '../column.js';
import { defineSection } from '../section.js';
import { MOST_ROWS, NOT_OURS } from '../sql-parts.js';
import { changeSetting } from '../words.js';

const WARN_SHARE = 0.8;
const FAIL_SHARE = 0.95;

/** Connections by user and program. */
export const connections = defineSection({
  id: 'connections',
  title: 'Connections',
  meaning:
    'By who has them. With all of max_connections taken, the next app is refused: "too many clients already". A pool that is too large shows as many idle ones.',
  columns: {
    role: optional('text', 'role'),
    database: optional('text', 'database'),
    application: optional('text', 'application'),
    client: optional('text', 'from', 'null: over the local socket, or the role may not know'),
    connections: column('count', 'connections'),
    active: column('count', 'active'),
    idleInTransaction: column('count', 'idle in transaction'),
    total: column('count', 'of all', 'connections of the server, the same in every row'),
  },
  sql: () => `
SELECT a.usename AS role, a.datname AS database, nullif(a.application_name, '') AS application,
  host(a.client_addr) AS client, count(*) AS connections,
  count(*) FILTER (WHERE a.state = 'active') AS active,
  count(*) FILTER (WHERE a.state LIKE 'idle in transaction%') AS "idleInTransaction",
  (sum(count(*)) OVER ())::bigint AS total
FROM pg_stat_activity a
WHERE (a.backend_type = 'client backend' OR (a.backend_type IS NULL AND a.usename IS NOT NULL)) AND ${NOT_OURS}
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4 LIMIT ${MOST_ROWS}`,
  dangers([first], server) {
    const { maxConnections, reservedConnections } = server;
    const room = maxConnections - reservedConnections;
    const total = first?.total ?? 0;
    if (!first || total < room * WARN_SHARE) return [];
    return [
      {
        weight: total >= room * FAIL_SHARE ? 'fail' : 'warn',
        message: `${total} of ${room} connections are taken; most by ${first.role ?? 'somebody'}${first.application ? ` (${first.application})` : ''}: ${first.connections}`,
        next: `make the app's pool smaller, or: ${changeSetting(server, 'max_connections', String(maxConnections * 2), true)}      (each costs memory; pgbouncer shares them)`,
      },
    ];
  },
});
