import { relative } from 'node:path';
import { command } from '../cli/command.js';
import { flag, text } from '../cli/parameters.js';
import { ExitCode, usageError } from '../errors.js';
import { type DocumentResult, projectDocument, STDOUT } from '../services/docs.js';

export default command({
  summary: "the project's architecture document, from its configuration",
  examples: ['invctl docs', 'invctl docs --check', 'invctl docs -o -'],
  flags: {
    check: flag('write nothing; exit code 5 and the difference where it is out of date'),
    output: text('file', 'the document; - is stdout', {
      otherwise: 'docs/ARCHITECTURE.md, of an environment docs/ARCHITECTURE.NAME.md',
      short: 'o',
      offers: 'files',
    }),
  },
  notes:
    'What is between <!-- invctl:begin NAME --> and <!-- invctl:end --> is replaced; the rest of the file stays.\nA block that was removed stays away: to have it back, put its two markers there and run invctl docs.',
  data: (z) =>
    z.object({
      project: z.string(),
      file: z.string().describe('absolute; - for stdout'),
      state: z
        .enum(['created', 'updated', 'unchanged', 'printed', 'stale', 'absent'])
        .describe('stale and absent: with --check'),
      blocks: z.array(z.string()).describe('chapters that the file has'),
      leftOut: z.array(z.string()).describe('chapters that somebody removed from it'),
      diff: z.string().optional().describe('with --check: what the configuration says now'),
    }),
  async run(context, { flags: { check, output } }) {
    if (check && output === STDOUT)
      throw usageError('--check compares a file, and - is not a file', 'invctl docs --check');
    const { text: document, ...result } = await projectDocument(context, {
      output,
      check,
      typed: context.output.typed,
    });
    const shown = shownPath(result.file);
    if (result.leftOut.length > 0 && !check) {
      context.output.note(`left out, as somebody removed them: ${result.leftOut.join(', ')}`);
    }
    const outdated = result.state === 'stale' || result.state === 'absent';
    if (outdated && !context.output.json) context.output.note(outdatedNote(result, shown, output));
    return {
      data: result,
      text: document ?? result.diff ?? `${shown} ${WORDS[result.state]}`,
      exitCode: outdated ? ExitCode.findings : ExitCode.ok,
    };
  },
});

/** The path relative to the working directory. */
function shownPath(file: string): string {
  const inside = relative(process.cwd(), file);
  return inside === '' || inside.startsWith('..') ? file : inside;
}

const WORDS: Partial<Record<DocumentResult['state'], string>> = {
  created: 'created',
  updated: 'updated',
  unchanged: 'is up to date',
};

function outdatedNote({ state }: DocumentResult, file: string, output: string | undefined): string {
  const what = state === 'absent' ? 'is not there' : 'is out of date';
  return `${file} ${what}\nnext:  invctl docs${output === undefined ? '' : ` -o ${output}`}`;
}
