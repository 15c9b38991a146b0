import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { changeServices } from '../services/change-project.js';
import { reportChange } from './report-change.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'restart', 'restart services', [
    'invctl restart',
    'invctl restart api',
  ]).argument('[service...]', 'only these');
  handle(command, async (context, { args: [services] }) =>
    reportChange(context, 'restarted', services, () =>
      changeServices(context, 'restart', services, (engine, location) => engine.restart(location, services)),
    ),
  );
}
