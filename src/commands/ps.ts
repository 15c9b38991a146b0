import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { serviceRow, serviceTable } from '../output/service-table.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'ps', 'services, their state, health, uptime and URL', [
    'invctl ps',
    'invctl ps --json',
  ]);
  handle(command, async (context) => {
    const location = context.project();
    const engine = await context.engine();
    const services = await engine.status(location);
    return {
      data: {
        engine: engine.kind,
        project: location.name,
        services: services.map((status) => serviceRow(status)),
      },
      text:
        services.length > 0
          ? serviceTable(services, context.output.style, new Date())
          : `${location.name} is not up; start it with: invctl up`,
    };
  });
}
