import type { z } from 'zod';
import type { Frozen, Zod } from '../output/shapes.js';
import type { Context } from './context.js';
import type { Arguments, Flags, ValuesOf } from './parameters.js';

/** The result of a command; `cli/run.ts` prints it and sets the exit code. */
export interface Report<Data> {
  /**
   * `data` of the JSON document. Absent: the command has written its own output (a child process's, a log
   * stream).
   */
  data?: Data;
  /** The result as text for a person. */
  text?: string;
  /** Default 0. */
  exitCode?: number;
  /** A signal ended a stream that has no other end: the exit code is the signal's, and it is not an error. */
  interrupted?: boolean;
}

/** The parsed command line. */
export interface Input<A extends Arguments, F extends Flags> {
  args: ValuesOf<A>;
  flags: ValuesOf<F>;
  /** The group of all commands, for completion. */
  all: Group;
  /** The `--help` text of the command that the words name. @throws UserError USAGE for an unknown command. */
  help(words: readonly string[]): Promise<string>;
}

interface Told {
  /** One line of a list of commands. */
  summary: string;
  /** Command lines at the top of help; text after several blanks is a remark. */
  examples: readonly string[];
}

/**
 * One command. The keys of `args` and `flags` type the input of `run`; `data` is the shape of what `run`
 * reports.
 */
export interface Command<
  A extends Arguments = Arguments,
  F extends Flags = Flags,
  D extends z.ZodType = z.ZodType,
> extends Told {
  /** In the order in which they are typed. */
  args?: A;
  flags?: F;
  /** The usage line after the command's name; default: made from `args`. */
  usage?: string;
  /** Paragraphs at the end of help. */
  notes?: string;
  /** Absent: the command has no JSON document of its own. */
  data?: (zod: Zod) => D;
  run(context: Context, input: Input<A, F>): Promise<Report<Frozen<z.infer<D>>>>;
}

/** A command or a group, or a function that imports the module with it as default export. */
export type Entry = Command | Group | (() => Promise<{ default: Command | Group }>);

/** A group such as `volume`, which does nothing itself. */
export interface Group extends Told {
  /** Flags of every command in the group. */
  flags?: Flags;
  /** By name, in the order of help. */
  commands: Readonly<Record<string, Entry>>;
}

// biome-ignore lint/complexity/noBannedTypes: no arguments and no flags are no keys.
type None = {};

/** Defines a command: the types of its arguments, flags and data are inferred. */
export function command<
  const A extends Arguments = None,
  const F extends Flags = None,
  D extends z.ZodType = z.ZodNever,
>(definition: Command<A, F, D>): Command<A, F, D> {
  return definition;
}

export function group(definition: Group): Group {
  return definition;
}

export function isGroup(entry: Command | Group): entry is Group {
  return 'commands' in entry;
}

/** Loads an entry, importing its module if necessary. */
export async function loadEntry(entry: Entry): Promise<Command | Group> {
  return typeof entry === 'function' ? (await entry()).default : entry;
}
