import { type Command, type CommanderError, Help, type Option } from 'commander';
import { usageError } from '../errors.js';
import { nearest } from '../project/nearest.js';
import { type CommandModule, fullName, type Handle, newProgram } from './command.js';

interface CommandEntry {
  name: string;
  load: () => Promise<CommandModule>;
}

/** Every top-level command, in the order of `--help`. A module is imported when its command is typed. */
export const COMMANDS: readonly CommandEntry[] = [
  { name: 'init', load: () => import('../commands/init.js') },
  { name: 'up', load: () => import('../commands/up.js') },
  { name: 'down', load: () => import('../commands/down.js') },
  { name: 'stop', load: () => import('../commands/stop.js') },
  { name: 'start', load: () => import('../commands/start.js') },
  { name: 'restart', load: () => import('../commands/restart.js') },
  { name: 'rm', load: () => import('../commands/rm.js') },
  { name: 'build', load: () => import('../commands/build.js') },
  { name: 'ps', load: () => import('../commands/ps.js') },
  { name: 'status', load: () => import('../commands/status.js') },
  { name: 'logs', load: () => import('../commands/logs.js') },
  { name: 'exec', load: () => import('../commands/exec.js') },
  { name: 'run', load: () => import('../commands/run.js') },
  { name: 'compose', load: () => import('../commands/compose.js') },
  { name: 'config', load: () => import('../commands/config.js') },
  { name: 'env', load: () => import('../commands/env.js') },
  { name: 'doctor', load: () => import('../commands/doctor.js') },
  { name: 'secrets', load: () => import('../commands/secrets.js') },
  { name: 'db', load: () => import('../commands/db.js') },
  { name: 'volume', load: () => import('../commands/volume.js') },
  { name: 'network', load: () => import('../commands/network.js') },
  { name: 'inspect', load: () => import('../commands/inspect.js') },
  { name: 'docs', load: () => import('../commands/docs.js') },
  { name: 'graph', load: () => import('../commands/graph.js') },
  { name: 'recover', load: () => import('../commands/recover.js') },
  { name: 'completion', load: () => import('../commands/completion.js') },
];

const VALUE_OPTIONS = new Set(['-C', '--directory', '--engine']);

/** The first word of the command line that is not a global option: the command that was typed. */
export function commandName(argv: readonly string[]): string | undefined {
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] as string;
    if (word === '--') return argv[i + 1];
    if (VALUE_OPTIONS.has(word)) i += 1;
    else if (!word.startsWith('-')) return word;
  }
  return undefined;
}

/**
 * The program with the module of the typed command loaded, or all of them where the list itself is wanted (`help`,
 * completion, an unknown word).
 */
export async function createProgram(
  argv: readonly string[],
  version: string,
  handle: Handle,
): Promise<Command> {
  const typed = commandName(argv);
  const entry = COMMANDS.find(({ name }) => name === typed);
  const wanted = entry && entry.name !== 'completion' ? [entry] : COMMANDS;
  const modules = await Promise.all(wanted.map(({ load }) => load()));

  const program = newProgram()
    .description(
      'Takes a Compose + PostgreSQL stack to healthy, says what is wrong with it, keeps its data safe.',
    )
    .addHelpText('before', '  $ invctl init shop && cd shop && invctl up\n')
    .usage('[options] <command>')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help; `invctl COMMAND --help` for a command')
    .helpCommand(false)
    .option('-C, --directory <dir>', 'project folder (INVCTL_DIRECTORY)')
    .option('--engine <engine>', 'auto, docker or embedded (INVCTL_ENGINE)')
    .option('--json', 'one JSON document on stdout (INVCTL_JSON)')
    .option('-y, --yes', 'answer ordinary questions with yes (INVCTL_YES)')
    .option('--no-input', 'never ask (INVCTL_NO_INPUT)')
    .option('-q, --quiet', 'no progress and no notes (INVCTL_QUIET)')
    .option('-v, --verbose', 'print each program that runs (INVCTL_VERBOSE)')
    .option('--no-color', 'no colour (INVCTL_NO_COLOR, NO_COLOR)')
    .configureHelp({ showGlobalOptions: false, sortSubcommands: false, optionDescription })
    .showSuggestionAfterError();
  for (const module of modules) module.define(program, handle);
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

/** An option that may be given several times begins with none: that is no default to tell of. */
function optionDescription(this: Help, option: Option): string {
  const isEmptyList = Array.isArray(option.defaultValue) && option.defaultValue.length === 0;
  return isEmptyList ? option.description : Help.prototype.optionDescription.call(this, option);
}

/** Runs `visit` on a command and all below it. */
function applyToAll(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) applyToAll(child, visit);
}

/**
 * What commander found wrong with the words of a command, as an error of ours. Its own error for `--help` and
 * `--version`, which are no mistake.
 */
function usageErrorOf(error: CommanderError, command: Command): Error {
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return error;
  const name = fullName(command);
  const help = `${['invctl', name].filter(Boolean).join(' ')} --help`;
  if (error.code === 'commander.help') {
    return usageError(name === '' ? 'no command given' : `${name} needs a subcommand`, help);
  }
  const [message = '', ...suggestions] = error.message.replace(/^error: /, '').split('\n');
  const typed = /^unknown (?:command|option) '(?:--)?(.+)'$/.exec(message)?.[1] ?? '';
  // Commander's own bar is low.
  const near = [...suggestions.join(' ').matchAll(/[\w.-]+(?=[,?])/g)]
    .map(([word]) => word)
    .filter((word) => nearest(typed, [word.replace(/^--/, '')]) !== undefined);
  return usageError(message, near.length > 0 ? `did you mean ${near.join(' or ')}?` : help);
}
