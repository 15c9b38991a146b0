import type { Command } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import { psql } from '../../services/database/psql.js';

export function define(group: Command, handle: Handle): void {
  const command = declare(group, 'psql', "psql in the database's service; its exit code is ours", [
    'invctl db psql',
    'invctl db psql -- -c "select now()"',
    'echo "select 1" | invctl db psql',
  ])
    .argument('[words...]', "after --: psql's own arguments")
    .usage('[-- <words...>]');
  handle(command, async (context, { args: [words] }) => ({
    exitCode: await psql(context, {
      words,
      terminal: Boolean(process.stdin.isTTY && process.stdout.isTTY),
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
    }),
  }));
}
