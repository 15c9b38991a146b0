import { ExitCode, UserError } from '../errors.js';
import { Secret } from '../system/secret.js';

export interface PromptConditions {
  stdin: { isTTY?: boolean | undefined };
  stderr: NodeJS.WriteStream;
  env: NodeJS.ProcessEnv;
  yes: boolean;
  noInput: boolean;
  signal: AbortSignal;
}

/** Questions to the person at the terminal, on stderr. */
export interface Prompts {
  /** True when there is somebody to ask: stdin and stderr are terminals, `CI` is unset, `--no-input` is not given. */
  readonly canAsk: boolean;
  /**
   * An ordinary yes/no question; `--yes` answers it.
   * @param flag what a script passes in place of the answer, named in the error.
   * @throws UserError CONFIRMATION_NEEDED (exit 7) when nobody can be asked, CANCELLED (exit 1) on a no.
   */
  confirm(question: string, flag?: string): Promise<void>;
  /**
   * For work whose question comes late: throws at once where nobody will be there to answer it.
   * @throws UserError CONFIRMATION_NEEDED (exit 7), as {@link confirm} would.
   */
  assertConfirmable(question: string, flag?: string): void;
  /**
   * The question before data is lost: the project's name has to be typed, or given with `--confirm`. `--yes` is not
   * enough.
   * @throws UserError CONFIRMATION_NEEDED (exit 7), CANCELLED (exit 1)
   */
  confirmDataLoss(loss: { what: string; project: string; confirmed: string | undefined }): Promise<void>;
  /** A line of text, with a default. Only where `canAsk`. */
  text(question: string, initial: string, validate: (value: string) => true | string): Promise<string>;
  /** A line that is not shown. @throws UserError CONFIRMATION_NEEDED (exit 7) when nobody can be asked. */
  secret(question: string): Promise<Secret>;
  /** One of several. Only where `canAsk`. */
  choose<T>(question: string, choices: { name: string; value: T }[], initial: T): Promise<T>;
}

export function createPrompts(conditions: PromptConditions): Prompts {
  const { env, yes, noInput, signal } = conditions;
  const canAsk = Boolean(conditions.stdin.isTTY && conditions.stderr.isTTY) && !env.CI && !noInput;
  // Prompts belong to stderr: stdout carries the result alone.
  const io = { output: conditions.stderr, signal };
  const library = () => import('@inquirer/prompts');

  const assertConfirmable = (question: string, flag = '--yes') => {
    if (!yes && !canAsk) throw confirmationNeeded(question, flag);
  };

  return {
    canAsk,
    assertConfirmable,
    async confirm(question, flag) {
      assertConfirmable(question, flag);
      if (yes) return;
      const { confirm } = await library();
      if (!(await confirm({ message: question, default: false }, io))) throw cancelled();
    },
    async confirmDataLoss({ what, project, confirmed }) {
      if (confirmed !== undefined) {
        if (confirmed === project) return;
        throw new UserError({
          code: 'CONFIRMATION_NEEDED',
          message: `--confirm says "${confirmed}", but the project is "${project}"`,
          hint: `if that is the project you mean: --confirm ${project}`,
          exitCode: ExitCode.confirmationNeeded,
        });
      }
      if (yes || !canAsk) throw confirmationNeeded(what, `--confirm ${project}`);
      const { input } = await library();
      const answer = await input({ message: `${what}\nType the project's name (${project}) to go on:` }, io);
      if (answer.trim() !== project) throw cancelled();
    },
    async text(question, initial, validate) {
      const { input } = await library();
      return (
        await input({ message: question, default: initial, validate: (v) => validate(v.trim()) }, io)
      ).trim();
    },
    async secret(question) {
      if (!canAsk) throw confirmationNeeded(question.replace(/:$/, ''), 'the value on standard input');
      const { password } = await library();
      return new Secret(await password({ message: question }, io));
    },
    async choose(question, choices, initial) {
      const { select } = await library();
      return select({ message: question, choices, default: initial }, io);
    },
  };
}

function confirmationNeeded(question: string, flag: string): UserError {
  return new UserError({
    code: 'CONFIRMATION_NEEDED',
    message: `${question.replace(/\?$/, '')}: this needs a confirmation, and there is nobody to ask`,
    hint: `the same command with ${flag}`,
    exitCode: ExitCode.confirmationNeeded,
  });
}

function cancelled(): UserError {
  return new UserError({ code: 'CANCELLED', message: 'cancelled; nothing was changed' });
}
