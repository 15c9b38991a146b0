import { connections } from '../../../postgres/inspection/sections/connections.js';
import { healthCheck } from '../../database-health.js';

export const check = healthCheck({
  id: 'health.connections',
  section: connections,
  title: 'nearly all connections are taken',
  severity: 'warn',
  why: 'The next one is refused: "sorry, too many clients already", and the app stands.',
  docs: `Counted are clients against \`max_connections\` less those that are reserved. A warning from 80 %, a failure from 95 %. \`invctl db inspect --section connections\` shows who has them: often a pool for each process of the app, times the processes. Make the pool smaller (\`DATABASE_POOL_SIZE\` in the scaffold), put pgbouncer between, or raise \`max_connections\`, which takes a restart and memory.`,
});
