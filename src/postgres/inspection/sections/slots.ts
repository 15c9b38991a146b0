import { literal } from '../../../system/sql.js';
import { column, optional } from '../column.js';
import { defineSection } from '../section.js';
import { identifierOnOneLine, psqlCommand } from '../words.js';

const megabytes = (bytes: number) => `${Math.round(bytes / 1_000_000).toLocaleString('en')} MB`;

/** Replication slots and the WAL that they retain. */
export const slots = defineSection({
  id: 'slots',
  title: 'Replication slots',
  meaning:
    'A slot keeps the WAL that its reader has not read, without an end, until the disk is full. One that nobody reads any more has to go.',
  columns: {
    name: column('text', 'slot'),
    type: column('text', 'type'),
    database: optional('text', 'database'),
    active: column('flag', 'read now'),
    heldBytes: optional('bytes', 'holds', 'WAL; null: it never read'),
    state: optional('text', 'WAL', 'reserved, extended, unreserved, lost'),
    horizonAge: optional('count', 'rows since', 'transactions whose dead rows it keeps from VACUUM'),
  },
  sql: () => `
SELECT s.slot_name AS name, s.slot_type AS type, s.database, s.active,
  greatest(0, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery()
      THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END,
    s.restart_lsn))::bigint AS "heldBytes",
  s.wal_status AS state,
  nullif(greatest(coalesce(age(s.xmin), 0), coalesce(age(s.catalog_xmin), 0)), 0) AS "horizonAge"
FROM pg_replication_slots s WHERE NOT s.temporary ORDER BY 5 DESC NULLS LAST, 1`,
  dangers: (rows, { maxWalBytes }) =>
    rows
      .filter(
        ({ active, heldBytes, state }) => !active && ((heldBytes ?? 0) > maxWalBytes || state === 'lost'),
      )
      .map(({ name, heldBytes, state }) => ({
        weight: 'warn',
        message:
          state === 'lost'
            ? `the replication slot ${identifierOnOneLine(name)} has lost its WAL: its reader cannot go on`
            : `nobody reads the replication slot ${identifierOnOneLine(name)}, and it holds ${megabytes(heldBytes ?? 0)} of WAL, more each hour`,
        next: `start its reader again; where there is none any more: ${psqlCommand(`SELECT pg_drop_replication_slot(${literal(name)})`)}      (a reader that comes back after that begins anew)`,
      })),
});
