import type { Command } from 'commander';
import { declareGroup, type Handle } from '../cli/command.js';
import * as backup from './db/backup.js';
import * as copy from './db/copy.js';
import * as exec from './db/exec.js';
import * as list from './db/list.js';
import * as migrate from './db/migrate.js';
import * as prune from './db/prune.js';
import * as psql from './db/psql.js';
import * as restore from './db/restore.js';
import * as schedule from './db/schedule.js';
import * as upgrade from './db/upgrade.js';
import * as verify from './db/verify.js';

export function define(program: Command, handle: Handle): void {
  const group = declareGroup(program, 'db', 'the database: backups, restores, SQL', [
    'invctl db backup',
    'invctl db psql -- -c "select count(*) from items"',
  ]);
  for (const command of [backup, restore, list, verify, copy, prune, schedule, psql, exec, migrate, upgrade])
    command.define(group, handle);
}
