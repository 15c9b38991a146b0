import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { compose } from '../engine/compose/argv.js';
import { explainDockerError } from '../engine/compose/errors.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'compose', 'anything else that docker compose can do, on this project', [
    'invctl compose -- top',
    'invctl compose -- events --json',
  ])
    .argument('<args...>', 'after --: arguments for docker compose')
    .usage('-- <args...>');
  handle(command, async (context, { args: [words] }) => {
    const location = context.project();
    try {
      return {
        exitCode: await context.processes.passThrough('docker', compose(location, ...words), {
          cwd: location.directory,
        }),
      };
    } catch (error) {
      throw explainDockerError(error);
    }
  });
}
