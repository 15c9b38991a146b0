import { column, optional } from '../column.js';
import { type Advice, defineSection } from '../section.js';

/** Pages that were read with a wrong checksum. */
export const checksums = defineSection({
  id: 'checksums',
  title: 'Checksums',
  meaning:
    'Pages that came from the disk other than they were written. One is enough to distrust the disk. Without data checksums nobody would notice; PostgreSQL 18 makes them by itself.',
  columns: {
    database: column('text', 'database', '(shared): of the whole server'),
    enabled: column('flag', 'checksums'),
    failures: optional('count', 'failures', 'null: no checksums'),
    lastAt: optional('time', 'last'),
  },
  sql: () => `
SELECT coalesce(datname, '(shared)') AS database, current_setting('data_checksums')::bool AS enabled,
  checksum_failures AS failures, checksum_last_failure AS "lastAt"
FROM pg_stat_database WHERE datid = 0 OR datid IN (SELECT oid FROM pg_database WHERE datallowconn)
ORDER BY 3 DESC NULLS LAST, 1`,
  dangers: (rows) =>
    rows
      .filter(({ failures }) => (failures ?? 0) > 0)
      .map(
        ({ database, failures }): Advice => ({
          weight: 'fail',
          message: `${failures} ${failures === 1 ? 'page' : 'pages'} of ${database === '(shared)' ? 'the shared catalogues' : `the database ${database}`} came from the disk damaged`,
          next: 'invctl db backup      (it fails where the damage is; keep the older backups: invctl db list), then look at the disk, and restore the newest backup that verifies',
        }),
      ),
});
