import type { Command, Option } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { usageError } from '../errors.js';
import { nearest } from '../project/nearest.js';
import { type CompletionNode, complete, completionScript, SHELLS } from '../services/complete.js';

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'completion', 'the completion script of a shell', [
    'source <(invctl completion bash)',
    'invctl completion zsh > ~/.zfunc/_invctl',
    'invctl completion fish > ~/.config/fish/completions/invctl.fish',
  ])
    .argument('[words...]', SHELLS.join(', '))
    .usage('<bash|zsh|fish>')
    .option('--candidates', 'what could stand at the last of the words after --');
  handle<{ candidates?: boolean }>(command, async (context, { args: [words], options }) => {
    if (options.candidates) {
      const candidates = complete(describe(program), words, context.env, context.directory);
      return { data: { candidates }, text: candidates.join('\n') };
    }
    const shell = SHELLS.find((name) => name === words[0]);
    if (!shell || words.length !== 1) {
      const near = words[0] ? nearest(words[0], SHELLS) : undefined;
      throw usageError(
        words.length === 0 ? 'name a shell' : `no completion for "${words.join(' ')}"`,
        `invctl completion ${near ?? SHELLS.join('|')}`,
      );
    }
    return { data: { shell, script: completionScript(shell) }, text: completionScript(shell) };
  });
}

function describe(command: Command): CompletionNode {
  const options = command.options.filter(({ hidden }) => !hidden);
  const values: Record<string, readonly string[]> = {};
  for (const option of options) {
    if (!option.required && !option.optional) continue;
    for (const flag of flagsOf(option)) values[flag] = option.argChoices ?? [];
  }
  return {
    name: command.name(),
    options: [...options.flatMap(flagsOf), '--help'],
    values,
    takesServices: command.registeredArguments.some((argument) => argument.name() === 'service'),
    children: command.commands.map(describe),
  };
}

function flagsOf(option: Option): string[] {
  return [option.short, option.long].filter((flag) => flag !== undefined);
}
