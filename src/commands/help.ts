import { command } from '../cli/command.js';
import { rest } from '../cli/parameters.js';

export default command({
  summary: 'what there is to type; of a command: its flags and examples',
  examples: ['invctl help', 'invctl help db restore'],
  args: { words: rest('command', 'default: the list of all') },
  data: (z) => z.object({ help: z.string() }),
  async run(_, { args: { words }, help }) {
    const text = await help(words);
    return { data: { help: text }, text };
  },
});
