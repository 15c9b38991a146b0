import { column, optional } from '../column.js';
import { defineSection } from '../section.js';
import { changeSetting } from '../words.js';

const FELT_SECONDS = 3600;
const FELT_REQUESTED = 20;

/** Whether checkpoints are started by time or by too much WAL. */
export const checkpoints = defineSection({
  id: 'checkpoints',
  title: 'Checkpoints',
  meaning:
    'Timed ones are as they should be. Requested ones come earlier, because max_wal_size was full (or somebody asked): each makes the writes after it larger.',
  columns: {
    timed: column('count', 'timed'),
    requested: column('count', 'requested'),
    writtenBytes: column('bytes', 'written'),
    since: optional('time', 'since'),
    seconds: column('seconds', 'for'),
  },
  sql: ({ version }) => {
    const [view, timed, requested, buffers] =
      version >= 170_000
        ? ['pg_stat_checkpointer', 'num_timed', 'num_requested', 'buffers_written']
        : ['pg_stat_bgwriter', 'checkpoints_timed', 'checkpoints_req', 'buffers_checkpoint'];
    return `
SELECT ${timed} AS timed, ${requested} AS requested, ${buffers} * current_setting('block_size')::bigint AS "writtenBytes",
  stats_reset AS since,
  extract(epoch FROM clock_timestamp() - coalesce(stats_reset, pg_postmaster_start_time()))::float8 AS seconds
FROM ${view}`;
  },
  hints: ([row], server) =>
    row && row.seconds >= FELT_SECONDS && row.requested >= FELT_REQUESTED && row.requested > row.timed
      ? [
          {
            weight: 'info',
            message: `${row.requested.toLocaleString('en')} checkpoints were requested and ${row.timed.toLocaleString('en')} came in their time: max_wal_size (${Math.round(server.maxWalBytes / 1_048_576)} MB) is small for what is written`,
            next: changeSetting(
              server,
              'max_wal_size',
              `'${Math.round((4 * server.maxWalBytes) / 1_048_576)}MB'`,
            ),
          },
        ]
      : [],
});
