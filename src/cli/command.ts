import type { z } from 'zod';
import type { Frozen, Zod } from '../output/shapes.js';
import type { Context } from './context.js';
import type { Arguments, Flags, ValuesOf } from './parameters.js';

/** What a command gives back; `cli/run.ts` prints it and sets the exit code. */
export interface Report<Data> {
  /** `data` of the JSON document. Absent: the command has written its own output (a child's, a log stream). */
  data?: Data;
  /** The same for a person. */
  text?: string;
  /** Default 0. */
  exitCode?: number;
  /** A stream without another end was ended by a signal: its exit code, and no error. */
  interrupted?: boolean;
}

/** What was typed. */
export interface Input<A extends Arguments, F extends Flags> {
  args: ValuesOf<A>;
  flags: ValuesOf<F>;
  /** The group of all commands, for completion. */
  all: Group;
  /** What `--help` prints of the command that the words name. @throws UserError USAGE where there is none. */
  help(words: readonly string[]): Promise<string>;
}

interface Told {
  /** One line of a list of commands. */
  summary: string;
  /** Command lines that help opens with; what follows several blanks is a remark. */
  examples: readonly string[];
}

/** One command. `args` and `flags` are typed by their keys in `run`; `data` is the shape of what `run` reports. */
export interface Command<
  A extends Arguments = Arguments,
  F extends Flags = Flags,
  D extends z.ZodType = z.ZodType,
> extends Told {
  /** In the order in which they are typed. */
  args?: A;
  flags?: F;
  /** What help shows after the command's name; default: made of `args`. */
  usage?: string;
  /** Paragraphs at the end of help. */
  notes?: string;
  /** Absent: the command has no JSON document of its own. */
  data?: (zod: Zod) => D;
  run(context: Context, input: Input<A, F>): Promise<Report<Frozen<z.infer<D>>>>;
}

/** A command or a group, or what imports the module that has it by default. */
export type Entry = Command | Group | (() => Promise<{ default: Command | Group }>);

/** A group such as `volume`, which does nothing by itself. */
export interface Group extends Told {
  /** Of every command below. */
  flags?: Flags;
  /** By name, in the order of help. */
  commands: Readonly<Record<string, Entry>>;
}

// biome-ignore lint/complexity/noBannedTypes: no arguments and no flags are no keys.
type None = {};

/** Defines a command: the types of its arguments, flags and data follow from what is written. */
export function command<
  const A extends Arguments = None,
  const F extends Flags = None,
  D extends z.ZodType = z.ZodNever,
>(definition: Command<A, F, D>): Command<A, F, D> {
  return definition;
}

/** Defines a group. */
export function group(definition: Group): Group {
  return definition;
}

export function isGroup(entry: Command | Group): entry is Group {
  return 'commands' in entry;
}

/** Imports the module of an entry that is imported when it is typed. */
export async function loadEntry(entry: Entry): Promise<Command | Group> {
  return typeof entry === 'function' ? (await entry()).default : entry;
}
