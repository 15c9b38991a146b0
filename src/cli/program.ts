import { Argument, Command as Commander, type CommanderError, type Help, Option } from 'commander';
import { usageError } from '../errors.js';
import { nearest } from '../project/nearest.js';
import { type Command, type Entry, type Group, isGroup, loadEntry } from './command.js';
import { COMMANDS } from './commands.js';
import { type Arguments, type Flags, longFlag, type Value, type ValuesOf } from './parameters.js';
import { GLOBAL_FLAGS, type GlobalFlags } from './settings.js';

/** The values of a command line, by the keys of the command's flags and arguments. */
export interface Typed {
  /** `volume ls` for the `ls` command of the group `volume`. */
  name: string;
  globals: GlobalFlags;
  args: ValuesOf<Arguments>;
  flags: ValuesOf<Flags>;
}

export type Execute = (command: Command, typed: Typed) => Promise<void>;

/** The words of a command line that are not options: the command, its subcommand, its arguments. */
export function typedWords(argv: readonly string[]): string[] {
  const withValue = new Set(
    Object.entries(GLOBAL_FLAGS).flatMap(([key, { kind, short }]) =>
      kind === 'value' ? [longFlag(key), `-${short}`] : [],
    ),
  );
  const words: string[] = [];
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] as string;
    if (word === '--') return [...words, ...argv.slice(i + 1)];
    if (withValue.has(word)) i += 1;
    else if (!word.startsWith('-')) words.push(word);
  }
  return words;
}

/**
 * Builds the program with the module of the typed command loaded, or with all modules of a group when its
 * list is needed (help, an unknown word).
 */
export async function createProgram(
  argv: readonly string[],
  version: string,
  execute: Execute,
): Promise<Commander> {
  const program = described(new Commander('invctl'), COMMANDS)
    .usage('[options] <command>')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help; `invctl COMMAND --help` for a command')
    .configureHelp({ showGlobalOptions: false, sortSubcommands: false, optionDescription })
    .showSuggestionAfterError();
  addFlags(program, GLOBAL_FLAGS);
  await addCommands(program, COMMANDS, typedWords(argv), execute);
  applyToAll(program, (command) =>
    command
      .helpCommand(false)
      .exitOverride((error) => {
        throw usageErrorOf(error, command);
      })
      .configureOutput({ writeErr: () => {}, outputError: () => {} }),
  );
  return program;
}

/**
 * The `--help` text of the command that the words name; without words, of the program.
 * @throws UserError USAGE
 */
export async function helpOf(words: readonly string[], version: string): Promise<string> {
  let at = await createProgram(words, version, async () => {});
  for (const word of words) {
    const names = at.commands.map((one) => one.name());
    const found = at.commands.find((one) => one.name() === word);
    if (!found) {
      const near = nearest(word, names);
      throw usageError(
        `there is no command "${words.join(' ')}"`,
        near === undefined ? 'invctl help' : `did you mean ${near}?`,
      );
    }
    at = found;
  }
  let text = '';
  at.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  at.outputHelp();
  return text.trimEnd();
}

/** Adds the command of a group that `words` begin with; if there is none, all. */
async function addCommands(
  parent: Commander,
  { commands }: Group,
  [word = '', ...words]: readonly string[],
  execute: Execute,
): Promise<void> {
  const typed = Object.hasOwn(commands, word) ? commands[word] : undefined;
  const wanted: [string, Entry][] = typed ? [[word, typed]] : Object.entries(commands);
  const loaded = await Promise.all(
    wanted.map(async ([name, entry]) => ({ name, entry: await loadEntry(entry) })),
  );
  for (const { name, entry } of loaded) {
    const added = described(parent.command(name), entry)
      .summary(entry.summary)
      .addHelpText('after', '\nGlobal options such as -C, --engine and --json: invctl --help');
    if (isGroup(entry)) {
      added.usage('<command> [options]');
      await addCommands(added, entry, typed ? words : [], execute);
    } else addCommand(added, entry, execute);
  }
}

function described(to: Commander, { summary, examples }: Command | Group): Commander {
  return to
    .description(summary)
    .addHelpText('before', `${examples.map((example) => `  $ ${example}`).join('\n')}\n`);
}

function addCommand(to: Commander, command: Command, execute: Execute): void {
  const { args = {}, flags = {}, usage, notes } = command;
  for (const [key, value] of Object.entries(args)) to.addArgument(argumentOf(key, value));
  addFlags(to, flags);
  if (usage !== undefined) to.usage(usage);
  if (notes !== undefined) to.addHelpText('after', `\n${notes}`);
  to.action(() =>
    execute(command, {
      name: fullName(to),
      globals: flagValues(rootOf(to), GLOBAL_FLAGS),
      args: argumentValues(to, args),
      flags: flagValues(to, flags),
    }),
  );
}

function argumentOf(key: string, { placeholder, several, required, description }: Value<unknown>): Argument {
  const name = `${placeholder || key}${several ? '...' : ''}`;
  return new Argument(required ? `<${name}>` : `[${name}]`, description);
}

function addFlags(to: Commander, flags: Flags): void {
  for (const [key, one] of Object.entries(flags)) {
    const names = [...(one.short ? [`-${one.short}`] : []), longFlag(key)].join(', ');
    const option = new Option(
      one.kind === 'switch' ? names : `${names} <${one.placeholder}>`,
      flagDescription(one),
    );
    if (one.kind === 'value') {
      option.argParser<unknown>((word, before) => {
        const words = one.commas
          ? word
              .split(',')
              .map((part) => part.trim())
              .filter(Boolean)
          : [word];
        const values = words.map((part) => one.parse(part, longFlag(key)));
        return one.several ? [...(Array.isArray(before) ? before : []), ...values] : values[0];
      });
    }
    to.addOption(option);
  }
}

/** The description, with the choices that it does not mention, and the default. */
function flagDescription(one: Flags[string]): string {
  if (one.kind === 'switch') return one.description;
  const choices = Array.isArray(one.offers) ? one.offers : [];
  const named = choices.every((word) => one.description.includes(word));
  const initial = one.otherwise ?? (Array.isArray(one.initial) ? undefined : one.initial);
  const remark = [named ? '' : choices.join(', '), initial === undefined ? '' : `default: ${initial}`]
    .filter(Boolean)
    .join('; ');
  return remark === '' ? one.description : `${one.description} (${remark})`;
}

/** Replaces commander's own, which would also show the defaults that it creates for `--no-…`. */
function optionDescription(this: Help, option: Option): string {
  return option.description;
}

function flagValues<F extends Flags>(of: Commander, flags: F): ValuesOf<F> {
  const values = Object.entries(flags).map(([key, one]) => {
    // Commander stores `--no-wait` as `wait: false`.
    const option = new Option(longFlag(key));
    const name = option.attributeName();
    const typed = of.getOptionValueSource(name) === 'cli';
    // A command may have both `--build` and `--no-build`.
    if (one.kind === 'switch') return [key, typed && of.getOptionValue(name) === !option.negate];
    return [key, typed ? of.getOptionValue(name) : one.initial];
  });
  return Object.fromEntries(values) as ValuesOf<F>;
}

function argumentValues(of: Commander, args: Arguments): ValuesOf<Arguments> {
  return Object.fromEntries(
    Object.entries(args).map(([key, value], index) => {
      const typed: unknown = of.processedArgs[index];
      if (typed === undefined) return [key, value.initial];
      const name = `<${value.placeholder || key}>`;
      return [
        key,
        Array.isArray(typed)
          ? typed.map((word) => value.parse(word, name))
          : value.parse(String(typed), name),
      ];
    }),
  );
}

function fullName(command: Commander): string {
  const names: string[] = [];
  for (let at: Commander | null = command; at?.parent; at = at.parent) names.unshift(at.name());
  return names.join(' ');
}

function rootOf(command: Commander): Commander {
  return command.parent ? rootOf(command.parent) : command;
}

/** Runs `visit` on a command and all below it. */
function applyToAll(command: Commander, visit: (command: Commander) => void): void {
  visit(command);
  for (const child of command.commands) applyToAll(child, visit);
}

/**
 * Converts commander's error about a command line to a UserError. Returns its own error for `--help` and
 * `--version`, which are not mistakes.
 */
function usageErrorOf(error: CommanderError, command: Commander): Error {
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return error;
  const name = fullName(command);
  const help = `${['invctl', name].filter(Boolean).join(' ')} --help`;
  if (error.code === 'commander.help') {
    return usageError(name === '' ? 'no command given' : `${name} needs a subcommand`, help);
  }
  const [message = '', ...suggestions] = error.message.replace(/^error: /, '').split('\n');
  const typed = /^unknown (?:command|option) '(?:--)?(.+)'$/.exec(message)?.[1] ?? '';
  // Commander also suggests words that are not similar enough.
  const near = [...suggestions.join(' ').matchAll(/[\w.-]+(?=[,?])/g)]
    .map(([word]) => word)
    .filter((word) => nearest(typed, [word.replace(/^--/, '')]) !== undefined);
  return usageError(message, near.length > 0 ? `did you mean ${near.join(' or ')}?` : help);
}
