import type { Command } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import { formatDuration } from '../../output/units.js';
import { executeFile } from '../../services/database/execute-file.js';

export function define(group: Command, handle: Handle): void {
  const command = declare(group, 'exec', 'run an SQL file: all of it, or nothing', [
    'invctl db exec schema.sql',
    'invctl db exec --no-transaction vacuum.sql',
  ])
    .argument('<file>', 'SQL, also with psql commands')
    .option('--no-transaction', 'each statement by itself; what came before an error stays');
  handle<{ transaction: boolean }>(command, async (context, { args: [file], options }) => {
    const result = await executeFile(context, { file, transaction: options.transaction });
    context.output.note(`${result.file} was run in ${formatDuration(result.seconds * 1000)}`);
    return { data: result, ...(result.output ? { text: result.output } : {}) };
  });
}
