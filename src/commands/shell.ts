import { command } from '../cli/command.js';
import { required, text } from '../cli/parameters.js';
import { assertServices } from '../services/choose-services.js';

/** bash if the image has it, because its prompt shows the container's name. */
const SHELL = 'command -v bash >/dev/null 2>&1 && exec bash; exec sh';

export default command({
  summary: 'a shell in a running service; its exit code is ours',
  examples: ['invctl shell api', 'invctl shell db --user root', 'echo "ls /app" | invctl shell api'],
  args: { service: required('service', { offers: 'services' }) },
  flags: { user: text('user', 'as this user', { short: 'u' }) },
  async run(context, { args: { service }, flags: { user } }) {
    const location = context.project();
    const engine = await context.engine();
    assertServices(await engine.resolve(location), [service]);
    return {
      exitCode: await engine.exec(location, service, ['sh', '-c', SHELL], {
        tty: Boolean(process.stdin.isTTY && process.stdout.isTTY),
        ...(user === undefined ? {} : { user }),
      }),
    };
  },
});
