import { column, optional } from '../column.js';
import { defineSection } from '../section.js';
import { MOST_ROWS, NOT_OURS, oneLine, secondsSince } from '../sql-parts.js';
import { changeSetting, psqlCommand } from '../words.js';

/** Programs that must read a database in one long transaction. */
const BACKUP = /^pg_(dump|dumpall|basebackup)$/;

/** Open transactions, the oldest first. */
export const transactions = defineSection({
  id: 'transactions',
  title: 'Open transactions',
  meaning:
    'The oldest first. While one is open, its locks stay, and VACUUM removes no row that was deleted after it began, in any table. "idle in transaction": the app began it and does nothing.',
  columns: {
    pid: column('count', 'pid'),
    seconds: column('seconds', 'open for'),
    idleSeconds: optional('seconds', 'idle for', 'null: it works'),
    role: optional('text', 'role'),
    database: optional('text', 'database'),
    application: optional('text', 'application'),
    client: optional('text', 'from'),
    query: column('statement', 'last query', 'on one line, cut; passwords redacted'),
  },
  sql: () => `
SELECT a.pid, ${secondsSince('a.xact_start')} AS seconds,
  CASE WHEN a.state LIKE 'idle in transaction%' THEN ${secondsSince('a.state_change')} END AS "idleSeconds",
  a.usename AS role, a.datname AS database, nullif(a.application_name, '') AS application,
  host(a.client_addr) AS client, ${oneLine('a.query')} AS query
FROM pg_stat_activity a
WHERE a.xact_start IS NOT NULL AND a.backend_type = 'client backend' AND ${NOT_OURS}
ORDER BY 2 DESC, 1 LIMIT ${MOST_ROWS}`,
  dangers: (rows, server, { transactionMinutes }) =>
    rows
      .filter(
        ({ seconds, application }) => seconds > transactionMinutes * 60 && !BACKUP.test(application ?? ''),
      )
      .map(({ pid, seconds, idleSeconds, role, application, client }) => ({
        weight: 'warn',
        message: `process ${pid} (${[role, application, client].filter(Boolean).join(', ')}) has had a transaction open for ${Math.floor(seconds / 60)} min${idleSeconds === null ? '' : `, and has done nothing in it for ${Math.floor(idleSeconds / 60)} min`}`,
        next: `${psqlCommand(`SELECT pg_terminate_backend(${pid})`)}      (what it has not committed is rolled back); for all: ${changeSetting(server, 'idle_in_transaction_session_timeout', "'10min'")}`,
      })),
});
