import { column, optional } from '../column.js';
import { type Advice, defineSection } from '../section.js';
import { MOST_ROWS, oneLine, secondsSince } from '../sql-parts.js';
import { psqlCommand } from '../words.js';

/** Sessions that wait for a lock, and the sessions that hold it. */
export const locks = defineSection({
  id: 'locks',
  title: 'Who blocks whom',
  meaning:
    'A session that waits for a lock, one line for each session that it waits for. End the first of the chain, and the others go on.',
  columns: {
    pid: column('count', 'pid'),
    seconds: column('seconds', 'waits'),
    mode: column('text', 'for the lock'),
    relation: optional('text', 'of', 'null where it is no table or index of this database'),
    blocker: column('count', 'held by', 'process id; 0: a prepared transaction'),
    blockerState: optional('text', 'which is'),
    blockerRole: optional('text', 'role'),
    blockerWaits: column('flag', 'waits itself', 'so that it is not the first of the chain'),
    query: column('statement', 'query that waits', 'on one line, cut; passwords redacted'),
  },
  sql: () => `
SELECT w.pid, ${secondsSince('coalesce(l.waitstart, w.state_change)')} AS seconds, l.mode,
  (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = l.relation AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS relation,
  blocker.pid AS blocker, b.state AS "blockerState", b.usename AS "blockerRole",
  EXISTS (SELECT FROM pg_locks bl WHERE bl.pid = blocker.pid AND NOT bl.granted) AS "blockerWaits",
  ${oneLine('w.query')} AS query
FROM pg_locks l JOIN pg_stat_activity w ON w.pid = l.pid
  CROSS JOIN LATERAL (SELECT DISTINCT unnest(pg_blocking_pids(w.pid)) AS pid) blocker
  LEFT JOIN pg_stat_activity b ON b.pid = blocker.pid
WHERE NOT l.granted AND w.pid <> pg_backend_pid()
ORDER BY 2 DESC, 1, blocker.pid LIMIT ${MOST_ROWS}`,
  dangers(rows, _server, { waitSeconds }) {
    const long = rows.filter(({ seconds }) => seconds > waitSeconds);
    const blockers = new Set(long.filter(({ blockerWaits }) => !blockerWaits).map(({ blocker }) => blocker));
    return [...blockers].map((blocker): Advice => {
      const held = long.filter((row) => row.blocker === blocker);
      const [first] = held;
      const sessions = new Set(held.map(({ pid }) => pid));
      const where = first?.relation ? ` of ${first.relation}` : '';
      const who =
        blocker === 0
          ? 'a prepared transaction'
          : `process ${blocker} (${[first?.blockerRole, first?.blockerState].filter(Boolean).join(', ')})`;
      return {
        weight: 'warn',
        message: `${who} holds a lock${where} that ${sessions.size === 1 ? `process ${first?.pid} waits` : `${sessions.size} sessions wait`} for, for ${Math.floor(first?.seconds ?? 0)} s`,
        next:
          blocker === 0
            ? 'invctl db inspect --section prepared      (commit it, or roll it back)'
            : psqlCommand(`SELECT pg_terminate_backend(${blocker})`),
      };
    });
  },
});
