import { ExitCode, UserError } from '../errors.js';
import { Secret } from '../system/secret.js';

export interface PromptConditions {
  stdin: { isTTY?: boolean | undefined };
  stderr: NodeJS.WriteStream;
  env: NodeJS.ProcessEnv;
  yes: boolean;
  noInput: boolean;
  signal: AbortSignal;
  /** Each question names it. If it is protected, replacing or losing data needs `--confirm`. */
  environment?: { name: string; protected: boolean };
}

export interface DataLoss {
  /** A question, or a sentence that says what will be lost. */
  what: string;
  project: string;
  /** Value of `--confirm`. */
  confirmed: string | undefined;
}

/** Asks the user at the terminal, on stderr. */
export interface Prompts {
  /**
   * True if the user can be asked: stdin and stderr are terminals, `CI` is unset, `--no-input` is not given.
   */
  readonly canAsk: boolean;
  /**
   * Asks an ordinary yes/no question; `--yes` answers it.
   * @param flag what a script passes instead of the answer; named in the error.
   * @throws UserError CONFIRMATION_NEEDED (exit 7) if nobody can be asked, CANCELLED (exit 1) on a no.
   */
  confirm(question: string, flag?: string): Promise<void>;
  /**
   * For work whose question comes late: throws at once if nobody can be asked.
   * @throws UserError CONFIRMATION_NEEDED (exit 7), as {@link confirm} would.
   */
  assertConfirmable(question: string, flag?: string): void;
  /**
   * Asks before data is lost: the project's name must be typed, or given with `--confirm`. `--yes` is not
   * enough. In a protected environment typing the name is not enough either: a flag has to be given before
   * the question.
   * @throws UserError CONFIRMATION_NEEDED (exit 7), CANCELLED (exit 1)
   */
  confirmDataLoss(loss: DataLoss): Promise<void>;
  /**
   * Asks before data is replaced that can be restored: an ordinary question, but in a protected environment
   * the question of {@link confirmDataLoss}.
   * @throws UserError CONFIRMATION_NEEDED (exit 7), CANCELLED (exit 1)
   */
  confirmReplacement(loss: DataLoss): Promise<void>;
  /** As {@link assertConfirmable}, for {@link confirmReplacement}. */
  assertReplaceable(loss: DataLoss): void;
  /** Asks for a line of text, with a default. Only if `canAsk`. */
  text(question: string, initial: string, validate: (value: string) => true | string): Promise<string>;
  /**
   * Asks for a line that is not shown.
   * @throws UserError CONFIRMATION_NEEDED (exit 7) if nobody can be asked.
   */
  secret(question: string): Promise<Secret>;
  /** Asks for one of several choices. Only if `canAsk`. */
  choose<T>(question: string, choices: { name: string; value: T }[], initial: T): Promise<T>;
}

export function createPrompts(conditions: PromptConditions): Prompts {
  const { env, yes, noInput, signal, environment } = conditions;
  const canAsk = Boolean(conditions.stdin.isTTY && conditions.stderr.isTTY) && !env.CI && !noInput;
  // Prompts are printed to stderr: stdout carries only the result.
  const io = { output: conditions.stderr, signal };
  const library = () => import('@inquirer/prompts');
  const named = (question: string) => (environment ? `${environment.name}: ${question}` : question);

  const assertConfirmable = (question: string, flag = '--yes') => {
    if (!yes && !canAsk) throw confirmationNeeded(named(question), flag);
  };
  const confirm = async (question: string, flag?: string) => {
    assertConfirmable(question, flag);
    if (yes) return;
    const { confirm: ask } = await library();
    if (!(await ask({ message: named(question), default: false }, io))) throw cancelled();
  };
  /** True if `--confirm` has the project's name, false if it is not given. */
  const isConfirmed = ({ what, project, confirmed }: DataLoss): boolean => {
    if (confirmed !== undefined) {
      if (confirmed === project) return true;
      throw new UserError({
        code: 'CONFIRMATION_NEEDED',
        message: `--confirm says "${confirmed}", but the project is "${project}"`,
        hint: `if that is the project you mean: --confirm ${project}`,
        exitCode: ExitCode.confirmationNeeded,
      });
    }
    if (environment?.protected) throw protectedEnvironment(environment.name, what, project);
    return false;
  };
  const confirmDataLoss = async (loss: DataLoss) => {
    if (isConfirmed(loss)) return;
    const { what, project } = loss;
    if (yes || !canAsk) throw confirmationNeeded(named(what), `--confirm ${project}`);
    const { input } = await library();
    const message = `${named(what)}\nType the project's name (${project}) to go on:`;
    if ((await input({ message }, io)).trim() !== project) throw cancelled();
  };

  return {
    canAsk,
    assertConfirmable,
    confirm,
    confirmDataLoss,
    async confirmReplacement(loss) {
      if (!isConfirmed(loss)) await confirm(loss.what);
    },
    assertReplaceable(loss) {
      if (!isConfirmed(loss)) assertConfirmable(loss.what);
    },
    async text(question, initial, validate) {
      const { input } = await library();
      return (
        await input({ message: named(question), default: initial, validate: (v) => validate(v.trim()) }, io)
      ).trim();
    },
    async secret(question) {
      if (!canAsk) throw confirmationNeeded(question.replace(/:$/, ''), 'the value on standard input');
      const { password } = await library();
      return new Secret(await password({ message: named(question) }, io));
    },
    async choose(question, choices, initial) {
      const { select } = await library();
      return select({ message: named(question), choices, default: initial }, io);
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

function protectedEnvironment(name: string, what: string, project: string): UserError {
  return new UserError({
    code: 'ENVIRONMENT_PROTECTED',
    message: `${what.replace(/\?$/, '')}: the environment "${name}" is protected, so --yes is not enough`,
    hint: `if it is meant, the same command with --confirm ${project}`,
    exitCode: ExitCode.confirmationNeeded,
  });
}

function cancelled(): UserError {
  return new UserError({ code: 'CANCELLED', message: 'cancelled; nothing was changed' });
}
