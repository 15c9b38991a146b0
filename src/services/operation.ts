import type { z } from 'zod';
import { UserError } from '../errors.js';
import { beginJournal, endEntry, type Journal, type JournalEntry } from '../system/journal.js';
import type { ServiceContext } from './context.js';

/** One run of an operation. */
export interface Run<State, Step extends string> {
  readonly id: string;
  /** Written to the journal with each step; the operation fills it in as it runs. */
  readonly state: State;
  /** The last step in the journal. */
  readonly step: Step;
  /** True: the process that ran it is gone and cleaned up nothing. */
  readonly cutOff: boolean;
  /** Writes to the journal that a step begins. */
  begin(step: Step): Promise<void>;
  /** Writes a change of the state within a step to the journal. */
  note(): Promise<void>;
}

/**
 * An operation of several steps as data. When it is cut off, it leaves an entry in the journal, and `recover`
 * reads here how to finish or revert it. Every operation has to be listed in `operations.ts`.
 */
export interface Operation<State, Step extends string, Subject> {
  /** The command, e.g. `db restore`; its name in the journal. */
  readonly name: string;
  readonly state: z.ZodType<State>;
  /** In execution order. */
  readonly steps: readonly Step[];
  /** True: it only adds files, so what it leaves behind does not block other commands. */
  readonly harmless?: boolean;
  /** From this step on it is not reverted after an error. */
  readonly final?: Step;
  /** Finds what an operation that was cut off works on, and prepares it. */
  reopen(context: ServiceContext, state: State): Promise<Subject>;
  /**
   * Says when an operation that was cut off is finished instead of reverted. If that fails before `final`, it
   * is reverted.
   */
  readonly finish?: {
    applies(context: ServiceContext, subject: Subject, run: Run<State, Step>): Promise<boolean>;
    /** @returns what was done, as text for a person. */
    complete(context: ServiceContext, subject: Subject, run: Run<State, Step>): Promise<string>;
  };
  /**
   * Puts everything back as it was before. It may be cut off and called again.
   * @returns what was done, as text for a person.
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
  /** The error to throw after everything was reverted. */
  reverted?: (error: unknown, step: Step) => unknown;
}

/**
 * Runs an operation. After an error it is reverted, unless it has passed `final`; if that fails too, its
 * entry stays for `recover`. The caller holds the project's lock.
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
  const tell = () => {
    if (harmless) return;
    context.warn(
      `interrupted: ${name} comes to a clean end (a second Ctrl-C leaves that to: invctl recover)`,
    );
  };
  context.signal.addEventListener('abort', tell);
  let result: Result;
  try {
    result = await body(run);
  } catch (error) {
    throw await takeBack(one, context, input, run, error);
  } finally {
    context.signal.removeEventListener('abort', tell);
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
    // After an interruption past `final` the entry stays, and `recover` does the rest.
    if (error instanceof UserError) await run.journal.end();
    else if (context.signal.aborted)
      context.warn(`${one.name} is done but for its last step; finish it: invctl recover`);
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

/** The result of recovering an operation that was cut off. */
export interface Recovered {
  outcome: 'finished' | 'reverted';
  /** What was done, as text for a person. */
  message: string;
}

/**
 * Finishes or reverts an operation that was cut off, and removes its entry.
 * @throws what the operation throws; the entry stays then.
 */
export async function recoverEntry<State, Step extends string, Subject>(
  one: Operation<State, Step, Subject>,
  context: ServiceContext,
  entry: JournalEntry,
): Promise<Recovered> {
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
): Promise<Recovered> {
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
  /** Undefined: no step was written. */
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
