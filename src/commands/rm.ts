import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { changeServices } from '../services/change-project.js';
import { reportChange } from './report-change.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'rm', 'remove stopped services; volumes and data stay', [
    'invctl rm',
    'invctl rm api --stop',
  ])
    .argument('[service...]', 'only these')
    .option('--stop', 'stop the running ones first');
  handle<{ stop?: boolean }>(command, async (context, { args: [services], options }) => {
    const what = services.length > 0 ? services.join(', ') : 'every stopped service';
    await context.prompts.confirm(`Remove ${options.stop ? what.replace('stopped ', '') : what}?`);
    return reportChange(context, 'removed', services, () =>
      changeServices(context, 'rm', services, (engine, location) =>
        engine.remove(location, services, { stop: options.stop ?? false }),
      ),
    );
  });
}
