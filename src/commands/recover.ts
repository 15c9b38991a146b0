import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { recover } from '../services/recover.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'recover', 'finish or revert an operation that was cut off', [
    'invctl recover',
  ]);
  handle(command, async (context) => {
    const recovered = await recover(context);
    const lines = recovered.map(
      ({ operation, outcome, message }) =>
        `${context.output.style.bold(operation)} was ${outcome}: ${message}`,
    );
    return {
      data: { recovered },
      text: lines.join('\n') || 'nothing was cut off',
    };
  });
}
