import type { Command } from 'commander';
import { declareGroup, type Handle } from '../cli/command.js';
import * as backup from './db/backup.js';
import * as exec from './db/exec.js';
import * as psql from './db/psql.js';

export function define(program: Command, handle: Handle): void {
  const group = declareGroup(program, 'db', 'the database: backups, restores, SQL', [
    'invctl db backup',
    'invctl db psql -- -c "select count(*) from items"',
  ]);
  for (const command of [backup, psql, exec]) command.define(group, handle);
}
