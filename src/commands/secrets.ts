import type { Command } from 'commander';
import { declareGroup, type Handle } from '../cli/command.js';
import * as check from './secrets/check.js';
import * as rotate from './secrets/rotate.js';
import * as set from './secrets/set.js';

export function define(program: Command, handle: Handle): void {
  const group = declareGroup(program, 'secrets', 'passwords and keys: prove, write and change them', [
    'invctl secrets check',
    'invctl secrets rotate db_password',
  ]);
  for (const command of [check, set, rotate]) command.define(group, handle);
}
