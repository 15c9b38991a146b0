import { command } from '../cli/command.js';
import { number, rest } from '../cli/parameters.js';
import { watchLoop } from './up/watch-loop.js';

export default command({
  summary: '`up`, and again after each change of the source',
  examples: ['invctl watch', 'invctl watch api --json      # a JSON document a line'],
  args: { services: rest('service', 'only these, and what they depend on', { offers: 'services' }) },
  flags: {
    timeout: number('seconds', 'how long a change may take to become healthy', { initial: 180, above: 0 }),
  },
  run: (context, { args: { services }, flags: { timeout } }) =>
    watchLoop(context, { services, timeoutMs: timeout * 1000 }),
});
