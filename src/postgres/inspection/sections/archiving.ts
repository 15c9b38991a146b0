import { column, optional } from '../column.js';
import { type Advice, defineSection } from '../section.js';

/** Whether WAL is archived. */
export const archiving = defineSection({
  id: 'archiving',
  title: 'WAL archive',
  meaning:
    'Where archiving is on, the server keeps WAL until the archive has it. While that fails, nothing can be brought back to a later second, and the disk fills.',
  columns: {
    mode: column('text', 'archive_mode'),
    archived: column('count', 'archived'),
    archivedAt: optional('time', 'last'),
    failed: column('count', 'failed'),
    failedAt: optional('time', 'last failure'),
    failing: column('flag', 'fails now', 'the last attempt failed'),
  },
  sql: () => `
SELECT current_setting('archive_mode') AS mode, archived_count AS archived, last_archived_time AS "archivedAt",
  failed_count AS failed, last_failed_time AS "failedAt",
  (current_setting('archive_mode') <> 'off' AND last_failed_time IS NOT NULL
    AND last_failed_time > coalesce(last_archived_time, '-infinity')) AS failing
FROM pg_stat_archiver`,
  dangers: ([row]): Advice[] =>
    row?.failing
      ? [
          {
            weight: 'warn',
            message: `the server cannot archive its WAL (${row.failed.toLocaleString('en')} failures): it keeps it all, until the disk is full`,
            next: 'invctl logs      (the database says why archive_command fails), then mend the archive',
          },
        ]
      : [],
});
