import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { resolvedConfig } from '../services/config.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(
    program,
    'config',
    'the project as it is resolved: files merged, variables filled in',
    ['invctl config', 'invctl config --json | jq .data.project.services.api.environment'],
  );
  handle(command, async (context) => {
    const project = await resolvedConfig(context);
    const { stringify } = await import('yaml');
    return { data: { project }, text: stringify(project, { lineWidth: 0 }) };
  });
}
