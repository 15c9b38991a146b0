import { group } from '../cli/command.js';

export default group({
  summary: 'passwords and keys: check, write and change them',
  examples: ['invctl secrets check', 'invctl secrets rotate db_password'],
  commands: {
    check: () => import('./secrets/check.js'),
    set: () => import('./secrets/set.js'),
    rotate: () => import('./secrets/rotate.js'),
  },
});
