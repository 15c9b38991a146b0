import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { usageError } from '../errors.js';
import { assertServices } from '../services/choose-services.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'run', 'run a one-off command in a new container of a service', [
    'invctl run -e DATABASE_HOST=custom-db api -- npm run config',
    'invctl run api -- node --version',
  ])
    .argument('<service>', 'service')
    .argument('<command...>', 'after --: the command and its arguments')
    .usage('[-e NAME=value] <service> -- <command...>')
    .option(
      '-e, --env <NAME=value>',
      'set a variable, above every other source; without a value it is taken from this shell',
      (entry: string, entries: string[]) => [...entries, entry],
      [],
    )
    .option('-u, --user <user>', 'as this user')
    .option('-w, --workdir <dir>', 'in this folder')
    .option('-T, --no-tty', 'no terminal, even where there is one');
  handle<{ env: string[]; user?: string; workdir?: string; tty: boolean }>(
    command,
    async (context, { args: [service, words], options }) => {
      const location = context.project();
      const engine = await context.engine();
      assertServices(await engine.resolve(location), [service]);
      if (words.length === 0) throw usageError('no command given', `invctl run ${service} -- COMMAND`);
      return {
        exitCode: await engine.run(location, service, words, {
          env: readVariables(options.env, context.env),
          tty: options.tty && Boolean(process.stdin.isTTY && process.stdout.isTTY),
          ...(options.user === undefined ? {} : { user: options.user }),
          ...(options.workdir === undefined ? {} : { workdir: options.workdir }),
        }),
      };
    },
  );
}

function readVariables(entries: readonly string[], shell: NodeJS.ProcessEnv): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const entry of entries) {
    const at = entry.indexOf('=');
    const name = at < 0 ? entry : entry.slice(0, at);
    if (!/^[^\s=]+$/.test(name)) throw usageError(`-e "${name}" is no variable name`, '-e NAME=value');
    const value = at < 0 ? shell[name] : entry.slice(at + 1);
    if (value !== undefined) variables[name] = value;
  }
  return variables;
}
