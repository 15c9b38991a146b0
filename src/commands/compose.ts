import { command } from '../cli/command.js';
import { rest } from '../cli/parameters.js';
import { compose } from '../engine/compose/argv.js';
import { explainDockerError } from '../engine/compose/errors.js';

export default command({
  summary: 'anything else that docker compose can do, on this project',
  examples: ['invctl compose -- top', 'invctl compose -- events --json'],
  args: { words: rest('args', 'after --: arguments for docker compose', { required: true }) },
  usage: '-- <args...>',
  async run(context, { args: { words } }) {
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
  },
});
