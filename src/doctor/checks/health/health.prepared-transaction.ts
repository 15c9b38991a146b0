import { prepared } from '../../../postgres/inspection/sections/prepared.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.prepared-transaction',
  section: prepared,
  title: 'a prepared transaction was left behind',
  severity: 'warn',
  why: 'It outlives every restart, keeps its locks, and keeps VACUUM from removing anything that was deleted after it.',
  docs: `Found when one is older than \`doctor.limits.transactionMinutes\` of \`invctl.yaml\` (60). Made by \`PREPARE TRANSACTION\` for a commit in two phases, and left when its transaction manager is gone. Whether it has to be committed or rolled back only that manager knows: no \`--fix\`.`,
});
