import { command } from '../cli/command.js';
import { flag, rest } from '../cli/parameters.js';
import { usageError } from '../errors.js';
import { nearest } from '../project/nearest.js';
import { candidates } from './completion/candidates.js';
import { SCRIPTS, SHELLS } from './completion/scripts.js';

export default command({
  summary: 'the completion script of a shell',
  examples: [
    'source <(invctl completion bash)',
    'invctl completion zsh > ~/.zfunc/_invctl',
    'invctl completion fish > ~/.config/fish/completions/invctl.fish',
  ],
  args: { words: rest('words', SHELLS.join(', '), { offers: SHELLS }) },
  usage: '<bash|zsh|fish>',
  flags: {
    candidates: flag('what could stand at the last of the words after --'),
    directives: flag('with --candidates: a first line :files or :folders where names of files fit as well'),
  },
  data: (z) =>
    z.union([
      z.object({ shell: z.string(), script: z.string() }),
      z.object({
        candidates: z.array(z.string()),
        paths: z.enum(['files', 'folders']).optional().describe('names of files fit as well'),
      }),
    ]),
  async run(context, { args: { words }, flags, all }) {
    if (flags.candidates) {
      const found = await candidates(all, words, context);
      const { paths } = found;
      return {
        data: { candidates: found.words, ...(paths ? { paths } : {}) },
        text: [...(flags.directives && paths ? [`:${paths}`] : []), ...found.words].join('\n'),
      };
    }
    const shell = SHELLS.find((name) => name === words[0]);
    if (!shell || words.length !== 1) {
      const near = words[0] ? nearest(words[0], SHELLS) : undefined;
      throw usageError(
        words.length === 0 ? 'name a shell' : `there is no completion for "${words.join(' ')}"`,
        `invctl completion ${near ?? SHELLS.join('|')}`,
      );
    }
    return { data: { shell, script: SCRIPTS[shell] }, text: SCRIPTS[shell] };
  },
});
