import { command } from '../cli/command.js';
import { flag, required, rest, text, texts } from '../cli/parameters.js';
import { usageError } from '../errors.js';
import { assertServices } from '../services/choose-services.js';

export default command({
  summary: 'run a one-off command in a new container of a service',
  examples: [
    'invctl run -e DATABASE_HOST=custom-db api -- npm run config',
    'invctl run api -- node --version',
  ],
  args: {
    service: required('service', { offers: 'services' }),
    words: rest('command', 'after --: the command and its arguments', { required: true }),
  },
  usage: '[-e NAME=value] <service> -- <command...>',
  flags: {
    env: texts(
      'NAME=value',
      'set a variable, above every other source; without a value it is taken from this shell',
      { short: 'e', offers: 'variables', parse: assignment },
    ),
    user: text('user', 'as this user', { short: 'u' }),
    workdir: text('dir', 'in this folder', { short: 'w' }),
    noTty: flag('no terminal, even where there is one', { short: 'T' }),
  },
  async run(context, { args: { service, words }, flags }) {
    const location = context.project();
    const engine = await context.engine();
    assertServices(await engine.resolve(location), [service]);
    return {
      exitCode: await engine.run(location, service, words, {
        env: readVariables(flags.env, context.env),
        tty: !flags.noTty && Boolean(process.stdin.isTTY && process.stdout.isTTY),
        ...(flags.user === undefined ? {} : { user: flags.user }),
        ...(flags.workdir === undefined ? {} : { workdir: flags.workdir }),
      }),
    };
  },
});

function assignment(entry: string): string {
  if (/^[^\s=]+(=|$)/.test(entry)) return entry;
  throw usageError(`-e "${entry}" does not begin with the name of a variable`, '-e NAME=value');
}

function readVariables(entries: readonly string[], shell: NodeJS.ProcessEnv): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const entry of entries) {
    const at = entry.indexOf('=');
    const name = at < 0 ? entry : entry.slice(0, at);
    const value = at < 0 ? shell[name] : entry.slice(at + 1);
    if (value !== undefined) variables[name] = value;
  }
  return variables;
}
