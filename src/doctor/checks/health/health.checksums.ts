import { checksums } from '../../../postgres/inspection/sections/checksums.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.checksums',
  section: checksums,
  title: 'pages came from the disk damaged',
  severity: 'fail',
  why: 'The disk, its driver or the memory gives back other bytes than were written. What is damaged cannot be read, and more may follow.',
  docs: `Counted by the server since its counters began (\`pg_stat_database.checksum_failures\`), where data checksums are on: by default from PostgreSQL 18, else with \`POSTGRES_INITDB_ARGS=--data-checksums\` at initialisation. Take no backup over the good ones: an \`invctl db backup\` reads every row and fails where the damage is. Look at the disk (\`dmesg\`, SMART), then restore the newest backup that verifies (\`invctl db verify --level 2\`) on another one. After a repair, \`SELECT pg_stat_reset()\` in that database sets the count back.`,
});
