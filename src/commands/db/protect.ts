import { group } from '../../cli/command.js';

export default group({
  summary: 'keep every second, to be brought back with db restore --to',
  examples: [
    'invctl db protect on',
    'invctl db protect status',
    'invctl db history orders      (what changed a table, and when)',
    'invctl db restore --to-before 48213 --table orders      (that table alone)',
    'invctl db restore --to 5m-ago      (the whole database)',
  ],
  commands: {
    on: () => import('./protect/on.js'),
    off: () => import('./protect/off.js'),
    status: () => import('./protect/status.js'),
  },
});
