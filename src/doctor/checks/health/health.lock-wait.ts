import { locks } from '../../../postgres/inspection/sections/locks.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.lock-wait',
  section: locks,
  title: 'a session waits for a lock',
  severity: 'warn',
  why: 'What waits is a request that hangs, and all that come behind it wait as well.',
  docs: `Found when one has waited for longer than \`doctor.limits.waitSeconds\` of \`invctl.yaml\` (60). Named is the first of the chain: it holds the lock and waits for nobody. Mostly a transaction that the app has left open, or an \`ALTER TABLE\` that waits behind a long query while all others wait behind it. \`invctl db inspect --section locks\` shows who waits for whom.`,
});
