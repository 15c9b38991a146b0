import { indexes } from '../../../postgres/inspection/sections/indexes.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.invalid-index',
  section: indexes,
  title: 'an index is invalid',
  severity: 'warn',
  why: 'Every write pays for it and no query may use it; a unique one guards nothing.',
  docs: `Left by a \`CREATE INDEX CONCURRENTLY\` or \`REINDEX … CONCURRENTLY\` that broke off: a duplicate in a unique index, a deadlock, a cancelled migration. One that is being built now is left alone. \`REINDEX INDEX CONCURRENTLY\` finishes it, once the reason is gone (for a unique one: the duplicates); what ends in \`_ccnew\` or \`_ccold\` is a leftover, to be dropped. No \`--fix\`: it writes as much as the index is large, and may fail for the same reason.`,
});
