import { transactions } from '../../../postgres/inspection/sections/transactions.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.transaction',
  section: transactions,
  title: 'a transaction is open for long',
  severity: 'warn',
  why: 'VACUUM removes no row that was deleted after it began, in any table, and its locks stay.',
  docs: `Found when one is open for longer than \`doctor.limits.transactionMinutes\` of \`invctl.yaml\` (60); \`pg_dump\` and \`pg_basebackup\`, which have to, are left alone. Mostly "idle in transaction": the app took a connection, began, and waits for something else. \`idle_in_transaction_session_timeout\` ends such ones by itself.`,
});
