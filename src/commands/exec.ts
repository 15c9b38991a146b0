import { command } from '../cli/command.js';
import { flag, required, rest, text } from '../cli/parameters.js';
import { assertServices } from '../services/choose-services.js';

export default command({
  summary: 'run a command in a running service; its exit code is ours',
  examples: ['invctl exec api -- node --version', 'invctl exec db -- psql -U postgres -c "select 1"'],
  args: {
    service: required('service', { offers: 'services' }),
    words: rest('command', 'after --: the command and its arguments', { required: true }),
  },
  usage: '<service> -- <command...>',
  flags: {
    user: text('user', 'as this user', { short: 'u' }),
    workdir: text('dir', 'in this folder', { short: 'w' }),
    noTty: flag('no terminal, even where there is one', { short: 'T' }),
  },
  async run(context, { args: { service, words }, flags }) {
    const location = context.project();
    const engine = await context.engine();
    assertServices(await engine.resolve(location), [service]);
    return {
      exitCode: await engine.exec(location, service, words, {
        tty: !flags.noTty && Boolean(process.stdin.isTTY && process.stdout.isTTY),
        ...(flags.user === undefined ? {} : { user: flags.user }),
        ...(flags.workdir === undefined ? {} : { workdir: flags.workdir }),
      }),
    };
  },
});
