import { Command } from 'commander';
import type { Context } from './context.js';

/** What a command gives back; `cli/main.ts` prints it and sets the exit code. */
export interface Report {
  /** `data` of the JSON document. Absent: the command has written its own output (a child's, a log stream). */
  data?: unknown;
  /** The same for a person. */
  text?: string;
  /** Default 0. */
  exitCode?: number;
  /** A stream without another end was ended by a signal: its exit code, and no error. */
  interrupted?: boolean;
}

export interface Invocation<Options> {
  /** Positional arguments as declared; a variadic one is an array. */
  // biome-ignore lint/suspicious/noExplicitAny: commander types positional arguments as any.
  args: any[];
  options: Options;
}

export type Handler<Options> = (context: Context, invocation: Invocation<Options>) => Promise<Report>;

/** Attaches a handler to a declared command. */
export type Handle = <Options = Record<string, never>>(command: Command, handler: Handler<Options>) => void;

/** What each module in `commands/` exports. */
export interface CommandModule {
  define(program: Command, handle: Handle): void;
}

/** Declares a command whose `--help` opens with an example. */
export function declare(
  parent: Command,
  nameAndArguments: string,
  summary: string,
  examples: string[],
): Command {
  return parent
    .command(nameAndArguments)
    .summary(summary)
    .description(summary)
    .addHelpText('before', `${examples.map((example) => `  $ ${example}`).join('\n')}\n`)
    .addHelpText('after', '\nGlobal options such as -C, --engine and --json: invctl --help');
}

/** A group such as `volume`, which does nothing by itself. */
export function declareGroup(parent: Command, name: string, summary: string, examples: string[]): Command {
  return declare(parent, name, summary, examples).usage('<command> [options]');
}

/** `volume ls` for the `ls` command of the group `volume`. */
export function fullName(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) names.unshift(at.name());
  return names.join(' ');
}

export function newProgram(): Command {
  return new Command('invctl');
}
