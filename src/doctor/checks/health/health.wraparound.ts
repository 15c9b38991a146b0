import { transactionIds } from '../../../postgres/inspection/sections/transaction-ids.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.wraparound',
  section: transactionIds,
  title: 'transaction ids run out',
  severity: 'warn',
  why: 'At the end of them the server takes no more writes until a VACUUM of everything is through.',
  docs: `Judged for each database, template0 included, and for multixact ids alike. autovacuum frees old ids from 200 million on (\`autovacuum_freeze_max_age\`); a warning comes at 500 million or twice that setting, a failure at 1.6 billion, where VACUUM itself leaves all else undone. What holds it back is an old transaction, a prepared one, or a slot: end that first, then \`VACUUM (FREEZE)\` in that database. A database that nobody can connect to is frozen by autovacuum alone.`,
});
