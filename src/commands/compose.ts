import { command } from '../cli/command.js';
import { rest, text } from '../cli/parameters.js';
import { passToCompose } from '../engine/docker-compose.js';

export default command({
  summary: 'anything else that docker compose can do, on this project',
  examples: ['invctl compose -- top', 'invctl compose -- events --json'],
  args: { words: rest('args', 'after --: arguments for docker compose', { required: true }) },
  flags: { confirm: text('project', "where a protected environment would lose data: the project's name") },
  usage: '[options] -- <args...>',
  async run(context, { args: { words }, flags }) {
    const location = context.project();
    // Asked here, because the command is passed on to Compose, which does not ask.
    if (context.environment?.protected && losesVolumes(words)) {
      await context.prompts.confirmDataLoss({
        what: `docker compose ${words.join(' ')} removes volumes and all data in them`,
        project: location.name,
        confirmed: flags.confirm,
      });
    }
    return { exitCode: await passToCompose(context.processes, location, words, context.warn) };
  },
});

/** Whether arguments for Compose remove volumes: `down --volumes`, `rm -v`, `down -t5v`. */
function losesVolumes(words: readonly string[]): boolean {
  const removes = words.includes('down') || words.includes('rm');
  return removes && words.some((word) => /^(--volumes(=.*)?|-[a-zA-Z0-9]*v.*)$/.test(word));
}
