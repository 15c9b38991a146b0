import { relative } from 'node:path';
import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { ExitCode, usageError } from '../errors.js';
import type { DocumentData } from '../output/schemas.js';
import { type DocumentResult, projectDocument, STDOUT } from '../services/docs.js';

interface Flags {
  check?: boolean;
  output?: string;
}

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'docs', "the project's architecture document, from its configuration", [
    'invctl docs',
    'invctl docs --check',
    'invctl docs -o -',
  ])
    .option('--check', 'write nothing; exit code 5 and the difference where it is out of date')
    .option('-o, --output <file>', 'the document (default: docs/ARCHITECTURE.md of the project; - is stdout)')
    .addHelpText(
      'after',
      '\nWhat is between <!-- invctl:begin NAME --> and <!-- invctl:end --> is written anew; the rest of the file stays.\nA block that was removed stays away: to have it back, put its two markers there and run invctl docs.\n',
    );
  handle<Flags>(command, async (context, { options: { check = false, output } }) => {
    if (check && output === STDOUT)
      throw usageError('--check compares a file, and - is none', 'invctl docs --check');
    const { text, ...result } = await projectDocument(context, { output, check });
    const data: DocumentData = result;
    const shown = shownPath(result.file);
    if (result.leftOut.length > 0 && !check) {
      context.output.note(`left out, as somebody removed them: ${result.leftOut.join(', ')}`);
    }
    const outdated = result.state === 'stale' || result.state === 'absent';
    if (outdated && !context.output.json) context.output.note(outdatedNote(result, shown, output));
    return {
      data,
      text: text ?? result.diff ?? `${shown} ${WORDS[result.state]}`,
      exitCode: outdated ? ExitCode.findings : ExitCode.ok,
    };
  });
}

/** As a person would type it from where they are. */
function shownPath(file: string): string {
  const inside = relative(process.cwd(), file);
  return inside === '' || inside.startsWith('..') ? file : inside;
}

const WORDS: Partial<Record<DocumentResult['state'], string>> = {
  created: 'created',
  updated: 'updated',
  unchanged: 'says what the configuration says',
};

function outdatedNote({ state }: DocumentResult, file: string, output: string | undefined): string {
  const what = state === 'absent' ? 'is not there' : 'is not what the configuration says';
  return `${file} ${what}\nnext:  invctl docs${output === undefined ? '' : ` -o ${output}`}`;
}
