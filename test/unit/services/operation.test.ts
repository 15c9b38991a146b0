import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { UserError } from '../../../src/errors.js';
import type { ServiceContext } from '../../../src/services/context.js';
import {
  type Operation,
  operation,
  perform,
  type Run,
  recoverEntry,
} from '../../../src/services/operation.js';
import { type JournalEntry, readJournal } from '../../../src/system/journal.js';

type State = { made: string[] };
type Step = 'make' | 'swap' | 'tell';

let directory: string;
let warnings: string[];
let calls: string[];
let interruption: AbortController;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'invctl-operation-'));
  warnings = [];
  calls = [];
  interruption = new AbortController();
});
afterEach(() => rmSync(directory, { recursive: true }));

const context = () =>
  ({
    signal: interruption.signal,
    project: () => ({ directory, stateFolder: join(directory, '.invctl') }),
    warn: (message: string) => warnings.push(message),
  }) as unknown as ServiceContext;

const failure = (message: string) => new UserError({ code: 'TEST', message });

function declared(more: Partial<Operation<State, Step, string>> = {}): Operation<State, Step, string> {
  return operation({
    name: 'test',
    state: z.object({ made: z.array(z.string()) }),
    steps: ['make', 'swap', 'tell'],
    reopen: async () => 'found again',
    async revert(_context, subject, { step, cutOff, state }) {
      calls.push(`revert ${subject} at ${step}${cutOff ? ', cut off' : ''}: ${state.made}`);
      return 'as before';
    },
    ...more,
  });
}

const finish = (complete: (run: Run<State, Step>) => Promise<string>) => ({
  applies: async (_context: unknown, _subject: unknown, { step }: Run<State, Step>) => step === 'tell',
  complete: async (_context: unknown, _subject: unknown, run: Run<State, Step>) => complete(run),
});

const run = <T>(
  one: Operation<State, Step, string>,
  body: (run: Run<State, Step>) => Promise<T>,
  reverted?: (error: unknown, step: Step) => unknown,
) => {
  const input = { id: 'a1', state: { made: [] }, subject: 'it', onStep: (step: string) => calls.push(step) };
  return perform(one, context(), { ...input, ...(reverted ? { reverted } : {}) }, body);
};

/** An entry as of a run that was killed at a step. */
async function cutOffAt(step: Step): Promise<JournalEntry> {
  const ended = new Error('killed');
  const one = declared({
    revert: async () => {
      throw ended;
    },
  });
  await expect(
    run(one, async (going) => {
      going.state.made.push('x');
      await going.begin(step);
      throw ended;
    }),
  ).rejects.toBe(ended);
  calls = [];
  const [entry] = await readJournal({ stateFolder: join(directory, '.invctl') });
  return entry as JournalEntry;
}

describe('an operation', () => {
  it('leaves no entry when it is through, and has one at each step', async () => {
    const seen: unknown[] = [];
    const result = await run(declared(), async (going) => {
      await going.begin('make');
      going.state.made.push('x');
      seen.push(...(await readJournal({ stateFolder: join(directory, '.invctl') })));
      await going.note();
      seen.push(...(await readJournal({ stateFolder: join(directory, '.invctl') })));
      return 'done';
    });
    expect(result).toBe('done');
    expect(seen).toMatchObject([
      { id: 'a1', operation: 'test', step: 'make', state: { made: [] } },
      { step: 'make', state: { made: ['x'] } },
    ]);
    expect(calls).toEqual(['make']);
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toEqual([]);
  });

  it('takes back nothing before its first step', async () => {
    await expect(
      run(declared(), async () => {
        throw failure('refused');
      }),
    ).rejects.toThrow('refused');
    expect(calls).toEqual([]);
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toEqual([]);
  });

  it('is reverted after an error, which may be told in other words', async () => {
    const fails = async (going: Run<State, Step>) => {
      await going.begin('make');
      going.state.made.push('x');
      throw failure('no');
    };
    await expect(run(declared(), fails)).rejects.toThrow('no');
    expect(calls).toEqual(['make', 'revert', 'revert it at make: x']);
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toEqual([]);
    const told = run(declared(), fails, (error, step) => failure(`${(error as Error).message} at ${step}`));
    await expect(told).rejects.toThrow('no at make');
  });

  it('keeps its entry, and says so, where it cannot be reverted', async () => {
    const one = declared({
      revert: async () => {
        throw failure('the server is gone');
      },
    });
    const fails = run(
      one,
      async (going) => {
        await going.begin('swap');
        throw failure('no');
      },
      () => failure('everything is as before'),
    );
    await expect(fails).rejects.toThrow('no');
    expect(warnings).toEqual([expect.stringMatching(/the server is gone.*invctl recover/)]);
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toMatchObject([{ step: 'swap' }]);
  });

  it('throws the bug that reverting has, and keeps its entry', async () => {
    const one = declared({
      revert: async () => {
        throw new TypeError('undefined is not a function');
      },
    });
    const fails = run(one, async (going) => {
      await going.begin('make');
      throw failure('no');
    });
    await expect(fails).rejects.toThrow(TypeError);
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toHaveLength(1);
  });

  it('stands from its final step on: an error takes nothing back, an interruption leaves the rest to recover', async () => {
    const one = declared({ final: 'tell' });
    const fails = (error: Error) =>
      run(one, async (going) => {
        await going.begin('swap');
        await going.begin('tell');
        throw error;
      });
    await expect(fails(failure('the app is ill'))).rejects.toThrow('the app is ill');
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toEqual([]);
    interruption.abort();
    await expect(fails(interruption.signal.reason)).rejects.toThrow();
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toMatchObject([{ step: 'tell' }]);
    expect(calls.filter((call) => call.startsWith('revert'))).toEqual([]);
  });
});

describe('an operation that was cut off', () => {
  it('is reverted, with what it works on found again', async () => {
    const entry = await cutOffAt('swap');
    expect(await recoverEntry(declared(), context(), entry)).toEqual({
      outcome: 'reverted',
      message: 'as before',
    });
    expect(calls).toEqual(['revert found again at swap, cut off: x']);
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toEqual([]);
  });

  it('is finished where it came far enough, its further steps noted under its own time', async () => {
    const entry = await cutOffAt('tell');
    const seen: JournalEntry[] = [];
    const one = declared({
      finish: finish(async (going) => {
        await going.begin('tell');
        seen.push(...(await readJournal({ stateFolder: join(directory, '.invctl') })));
        return 'told';
      }),
    });
    expect(await recoverEntry(one, context(), entry)).toEqual({ outcome: 'finished', message: 'told' });
    expect(seen).toMatchObject([{ id: 'a1', since: entry.since, step: 'tell' }]);
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toEqual([]);
    expect(await recoverEntry(one, context(), { ...entry, step: 'swap' })).toMatchObject({
      outcome: 'reverted',
    });
  });

  it('is reverted where it cannot be finished, with the reason', async () => {
    const one = declared({
      finish: finish(async () => {
        throw failure('the app is ill');
      }),
    });
    expect(await recoverEntry(one, context(), await cutOffAt('tell'))).toEqual({
      outcome: 'reverted',
      message: 'as before: the app is ill',
    });
  });

  it('is never reverted once it stands: it can be recovered again', async () => {
    const one = declared({
      final: 'tell',
      finish: finish(async () => {
        throw failure('the app is ill');
      }),
    });
    const entry = await cutOffAt('tell');
    await expect(recoverEntry(one, context(), entry)).rejects.toThrow('the app is ill');
    expect(calls).toEqual([]);
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toHaveLength(1);
  });

  it('of a state that it does not know is left alone', async () => {
    const entry = await cutOffAt('swap');
    await expect(recoverEntry(declared(), context(), { ...entry, state: {} })).rejects.toThrow();
    expect(calls).toEqual([]);
    expect(await readJournal({ stateFolder: join(directory, '.invctl') })).toHaveLength(1);
  });
});
