import { slots } from '../../../postgres/inspection/sections/slots.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.slot',
  section: slots,
  title: 'a replication slot holds WAL that nobody reads',
  severity: 'warn',
  why: 'It keeps WAL without an end, until the disk is full and the server stops.',
  docs: `Found when a slot has no reader and holds more than \`max_wal_size\`, or has lost what it held (\`wal_status\`). Left by a replica, a Debezium or a subscription that is gone. A reader that only pauses goes on when it is started again. Dropping a slot makes its reader begin anew, so that it is no \`--fix\`. \`max_slot_wal_keep_size\` sets a limit for all.`,
});
