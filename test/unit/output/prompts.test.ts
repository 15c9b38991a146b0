import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { createPrompts, type DataLoss, type Prompts } from '../../../src/output/prompts.js';

type Conditions = Partial<Parameters<typeof createPrompts>[0]>;

/** Prompts of a script: nobody can be asked. */
const prompts = (conditions: Conditions = {}): Prompts =>
  createPrompts({
    stdin: { isTTY: false },
    stderr: process.stderr,
    env: {},
    yes: false,
    noInput: false,
    signal: new AbortController().signal,
    ...conditions,
  });
const terminal = {
  stdin: { isTTY: true },
  stderr: Object.assign(Object.create(process.stderr), { isTTY: true }),
} as Conditions;
const production = { environment: { name: 'production', protected: true } };
const staging = { environment: { name: 'staging', protected: false } };
const loss = (confirmed?: string): DataLoss => ({ what: 'this removes pgdata', project: 'shop', confirmed });

const outcome = (answer: Promise<void>) =>
  answer.then(
    () => 'yes',
    ({ code, exitCode, message, hint }: UserError) => ({ code, exitCode, message, hint }),
  );

describe('the question before data is lost', () => {
  it("takes the project's name, and no yes", async () => {
    expect(await outcome(prompts().confirmDataLoss(loss('shop')))).toBe('yes');
    expect(await outcome(prompts({ yes: true }).confirmDataLoss(loss()))).toMatchObject({
      code: 'CONFIRMATION_NEEDED',
      exitCode: 7,
    });
    expect(await outcome(prompts({ yes: true }).confirmDataLoss(loss('shopp')))).toMatchObject({
      exitCode: 7,
      hint: 'if that is the project you mean: --confirm shop',
    });
  });

  it('names the environment', async () => {
    expect(await outcome(prompts(staging).confirmDataLoss(loss()))).toMatchObject({
      message: 'staging: this removes pgdata: this needs a confirmation, and there is nobody to ask',
    });
    expect(await outcome(prompts(staging).confirm('go on?'))).toMatchObject({
      message: expect.stringMatching(/^staging: go on: /),
    });
  });

  it('is no question in a protected environment, not even on a terminal', async () => {
    for (const conditions of [{}, { yes: true }, terminal, { ...terminal, yes: true }]) {
      expect(await outcome(prompts({ ...conditions, ...production }).confirmDataLoss(loss()))).toEqual({
        code: 'ENVIRONMENT_PROTECTED',
        exitCode: 7,
        message: 'this removes pgdata: the environment "production" is protected, so --yes is not enough',
        hint: 'if it is meant, the same command with --confirm shop',
      });
    }
    expect(await outcome(prompts(production).confirmDataLoss(loss('shop')))).toBe('yes');
  });
});

describe('the question before data is replaced', () => {
  it('is an ordinary one', async () => {
    expect(await outcome(prompts({ yes: true }).confirmReplacement(loss()))).toBe('yes');
    expect(() => prompts({ yes: true }).assertReplaceable(loss())).not.toThrow();
    expect(() => prompts().assertReplaceable(loss())).toThrow(/nobody to ask/);
  });

  it('is that of a loss in a protected environment', async () => {
    const guarded = prompts({ yes: true, ...production });
    expect(await outcome(guarded.confirmReplacement(loss()))).toMatchObject({
      code: 'ENVIRONMENT_PROTECTED',
    });
    expect(() => guarded.assertReplaceable(loss())).toThrow(UserError);
    expect(await outcome(guarded.confirmReplacement(loss('shop')))).toBe('yes');
    expect(await outcome(guarded.confirmReplacement(loss('other')))).toMatchObject({ exitCode: 7 });
  });
});
