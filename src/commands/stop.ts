import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { changeServices } from '../services/change-project.js';
import { reportChange } from './report-change.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'stop', 'stop services; their containers stay', [
    'invctl stop',
    'invctl stop api',
  ]).argument('[service...]', 'only these');
  handle(command, async (context, { args: [services] }) =>
    reportChange(context, 'stopped', services, () =>
      changeServices(context, 'stop', services, (engine, location) => engine.stop(location, services)),
    ),
  );
}
