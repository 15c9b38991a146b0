import { vacuum } from '../../../postgres/inspection/sections/vacuum.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.vacuum',
  section: vacuum,
  title: 'autovacuum does not get to a table',
  severity: 'warn',
  why: 'Dead rows make every read slower and the table larger; the space is not given back.',
  docs: `Found when a table has 100,000 dead rows or more, and ten times as many as autovacuum begins at, while nothing vacuums it. Either autovacuum is off for it, is too slow (\`autovacuum_vacuum_cost_delay\`, \`autovacuum_max_workers\`), or may not remove them because something older still might look at them: an open transaction, a prepared one, a slot. \`VACUUM (VERBOSE)\` says which.`,
});
