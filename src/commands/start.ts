import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { changeServices } from '../services/change-project.js';
import { reportChange } from './report-change.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'start', 'start stopped services', [
    'invctl start',
    'invctl start api',
  ]).argument('[service...]', 'only these');
  handle(command, async (context, { args: [services] }) =>
    reportChange(context, 'started', services, () =>
      changeServices(context, 'start', services, (engine, location) => engine.start(location, services)),
    ),
  );
}
