import { group } from '../cli/command.js';

export default group({
  summary: 'the database: backups, restores, SQL',
  examples: ['invctl db backup', 'invctl db psql -- -c "select count(*) from items"'],
  commands: {
    backup: () => import('./db/backup.js'),
    restore: () => import('./db/restore.js'),
    list: () => import('./db/list.js'),
    verify: () => import('./db/verify.js'),
    copy: () => import('./db/copy.js'),
    prune: () => import('./db/prune.js'),
    protect: () => import('./db/protect.js'),
    history: () => import('./db/history.js'),
    schedule: () => import('./db/schedule.js'),
    psql: () => import('./db/psql.js'),
    exec: () => import('./db/exec.js'),
    inspect: () => import('./db/inspect.js'),
    url: () => import('./db/url.js'),
    seed: () => import('./db/seed.js'),
    reset: () => import('./db/reset.js'),
    migrate: () => import('./db/migrate.js'),
    upgrade: () => import('./db/upgrade.js'),
  },
});
