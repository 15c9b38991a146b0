import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { usageError } from '../errors.js';
import { assertServices } from '../services/choose-services.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'exec', 'run a command in a running service; its exit code is ours', [
    'invctl exec api -- node --version',
    'invctl exec db -- psql -U postgres -c "select 1"',
  ])
    .argument('<service>', 'service')
    .argument('<command...>', 'after --: the command and its arguments')
    .usage('<service> -- <command...>')
    .option('-u, --user <user>', 'as this user')
    .option('-w, --workdir <dir>', 'in this folder')
    .option('-T, --no-tty', 'no terminal, even where there is one');
  handle<{ user?: string; workdir?: string; tty: boolean }>(
    command,
    async (context, { args: [service, words], options }) => {
      const location = context.project();
      const engine = await context.engine();
      assertServices(await engine.resolve(location), [service]);
      if (words.length === 0) throw usageError('no command given', `invctl exec ${service} -- COMMAND`);
      return {
        exitCode: await engine.exec(location, service, words, {
          tty: options.tty && Boolean(process.stdin.isTTY && process.stdout.isTTY),
          ...(options.user === undefined ? {} : { user: options.user }),
          ...(options.workdir === undefined ? {} : { workdir: options.workdir }),
        }),
      };
    },
  );
}
