import { archiving } from '../../../postgres/inspection/sections/archiving.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.archiving',
  section: archiving,
  title: 'the server cannot archive its WAL',
  severity: 'warn',
  why: 'WAL that is not archived stays, until the disk is full; and no later second can be brought back.',
  docs: `With \`archive_mode\` on, the server hands each full segment of WAL to \`archive_command\` (or \`archive_library\`) and keeps it until that says that it worked. Found when the last attempt failed: \`pg_stat_archiver\` has the count, the log of the server what the command said. Mend the place that it writes to; the server tries again by itself and catches up.`,
});
