import type { z } from 'zod';
import { UserError } from '../errors.js';
import { beginJournal, endEntry, type Journal, type JournalEntry } from '../system/journal.js';
import type { ServiceContext } from './context.js';

/** One run of an operation. */
export interface Run<State, Step extends string> {
  readonly id: string;
  /** What the journal gets with each step; the operation fills it in as it goes on. */
  readonly state: State;
  /** The last step that was noted. */
  readonly step: Step;
  /** True: whoever ran it is gone, and could clean up nothing. */
  readonly cutOff: boolean;
  /** Notes on the disk that a step begins. */
  begin(step: Step): Promise<void>;
  /** Notes a change of the state within a step. */
  note(): Promise<void>;
}

/**
 * An operation of several steps as data: whoever is cut off in it leaves an entry in the journal, and `recover` finds
 * in the operation how it goes on or back. It belongs into `operations.ts`.
 */
export interface Operation<State, Step extends string, Subject> {
  /** As typed, e.g. `db restore`; its name in the journal. */
  readonly name: string;
  readonly state: z.ZodType<State>;
  /** In their order. */
  readonly steps: readonly Step[];
  /** True: it only ever adds, so that what it left is litter and keeps nobody from going on. */
  readonly harmless?: boolean;
  /** From this step on it stands, and an error takes nothing back. */
  readonly final?: Step;
  /** Finds what an operation that was cut off works on, and makes it ready. */
  reopen(context: ServiceContext, state: State): Promise<Subject>;
  /** Of one that was cut off so late that it goes on to its end. Where that fails before `final`, it is reverted. */
  readonly finish?: {
    applies(context: ServiceContext, subject: Subject, run: Run<State, Step>): Promise<boolean>;
    /** @returns what was done, for a person. */
    complete(context: ServiceContext, subject: Subject, run: Run<State, Step>): Promise<string>;
  };
  /**
   * Puts everything back as it was before. It may be cut off and called again.
   * @returns what was done, for a person.
   */
  revert(context: ServiceContext, subject: Subject, run: Run<State, Step>): Promise<string>;
}

/** Declares an operation; the types of its state, its steps and its subject are inferred. */
export function operation<State, const Step extends string, Subject>(
  definition: Operation<State, Step, Subject>,
): Operation<State, Step, Subject> {
  return definition;
}

export interface PerformInput<State, Step extends string, Subject> {
  id: string;
  state: State;
  subject: Subject;
  onStep?: ((step: Step | 'revert') => void) | undefined;
  /** What to throw in place of an error after which everything was put back. */
  reverted?: (error: unknown, step: Step) => unknown;
}

/**
 * Runs an operation. After an error it is taken back, unless it stands already; where that fails too, its entry stays
 * for `recover`. The caller holds the project's lock.
 */
export async function perform<State, Step extends string, Subject, Result>(
  one: Operation<State, Step, Subject>,
  context: ServiceContext,
  input: PerformInput<State, Step, Subject>,
  body: (run: Run<State, Step>) => Promise<Result>,
): Promise<Result> {
  const location = context.project();
  const { name, harmless = false } = one;
  const journal = await beginJournal<State>(location, { operation: name, id: input.id, harmless });
  const run = new JournaledRun<State, Step>(journal, input.state, input.onStep);
  let result: Result;
  try {
    result = await body(run);
  } catch (error) {
    throw await takeBack(one, context, input, run, error);
  }
  await journal.end();
  return result;
}

/** @returns what to throw. */
async function takeBack<State, Step extends string, Subject>(
  one: Operation<State, Step, Subject>,
  context: ServiceContext,
  input: PerformInput<State, Step, Subject>,
  run: JournaledRun<State, Step>,
  error: unknown,
): Promise<unknown> {
  if (run.reached === undefined) {
    await run.journal.end();
    return error;
  }
  if (one.final !== undefined && one.steps.indexOf(run.reached) >= one.steps.indexOf(one.final)) {
    // Of one that was interrupted, `recover` does the rest.
    if (error instanceof UserError) await run.journal.end();
    return error;
  }
  const { step } = run;
  try {
    input.onStep?.('revert');
    await one.revert(context, input.subject, run);
    await run.journal.end();
  } catch (failure) {
    if (!(failure instanceof UserError) && !context.signal.aborted) throw failure;
    const why = failure instanceof UserError ? failure.message : 'interrupted';
    context.warn(`not everything could be put back as it was (${why}); later: invctl recover`);
    return error;
  }
  return input.reverted ? input.reverted(error, step) : error;
}

/** What became of an operation that was cut off. */
export interface Outcome {
  outcome: 'finished' | 'reverted';
  /** What was done, for a person. */
  message: string;
}

/** Finishes or reverts an operation that was cut off, and forgets it. @throws what it throws; the entry stays then. */
export async function recoverEntry<State, Step extends string, Subject>(
  one: Operation<State, Step, Subject>,
  context: ServiceContext,
  entry: JournalEntry,
): Promise<Outcome> {
  const location = context.project();
  const state = one.state.parse(entry.state);
  const { id, step, since } = entry;
  const journal = await beginJournal<State>(location, {
    operation: one.name,
    id,
    since,
    harmless: entry.harmless,
  });
  const run = new JournaledRun<State, Step>(journal, state, undefined, step as Step);
  const result = await goOnOrBack(one, context, await one.reopen(context, state), run);
  await endEntry(location, id);
  return result;
}

async function goOnOrBack<State, Step extends string, Subject>(
  one: Operation<State, Step, Subject>,
  context: ServiceContext,
  subject: Subject,
  run: Run<State, Step>,
): Promise<Outcome> {
  let failure = '';
  if (await one.finish?.applies(context, subject, run)) {
    try {
      return { outcome: 'finished', message: (await one.finish?.complete(context, subject, run)) ?? '' };
    } catch (error) {
      if (one.final !== undefined || !(error instanceof UserError)) throw error;
      failure = `: ${error.message}`;
    }
  }
  return { outcome: 'reverted', message: `${await one.revert(context, subject, run)}${failure}` };
}

class JournaledRun<State, Step extends string> implements Run<State, Step> {
  readonly journal: Journal<State>;
  readonly state: State;
  readonly cutOff: boolean;
  readonly #onStep: ((step: Step) => void) | undefined;
  /** Undefined: none was noted. */
  reached: Step | undefined;

  constructor(
    journal: Journal<State>,
    state: State,
    onStep: ((step: Step) => void) | undefined,
    cutOffAt?: Step,
  ) {
    this.journal = journal;
    this.state = state;
    this.#onStep = onStep;
    this.reached = cutOffAt;
    this.cutOff = cutOffAt !== undefined;
  }

  get id(): string {
    return this.journal.id;
  }

  get step(): Step {
    if (this.reached === undefined) throw new Error('no step was begun');
    return this.reached;
  }

  async begin(step: Step): Promise<void> {
    await this.journal.step(step, this.state);
    this.reached = step;
    this.#onStep?.(step);
  }

  async note(): Promise<void> {
    await this.journal.step(this.step, this.state);
  }
}
