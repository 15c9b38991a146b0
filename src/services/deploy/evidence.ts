import { causeInLogs, type ServiceCommands } from '../../doctor/log-causes.js';
import { ExitCode, UserError } from '../../errors.js';
import { maskText } from '../../project/secret-values.js';
import type { ServiceContext } from '../context.js';
import { factsOfValidFiles } from '../engine-facts.js';

/** Why a deployed service is not ready, according to its orchestrator and its log. */
export interface DeployFailure {
  service: string;
  reason: string;
  /** What happened, in one sentence without the service's name. */
  message: string;
  /** What the orchestrator says of the task or pod. */
  error?: string;
  exitCode?: number;
  healthOutput?: string;
  lastLines: string[];
  cause?: DeployCause;
}

export interface DeployCause {
  /** Id of the doctor's check that explains more. */
  check?: string;
  message: string;
  next: string;
}

/** Finds the cause that a log shows, as the doctor does. */
export type CauseFinder = (lines: readonly string[], healthOutput?: string) => DeployCause | undefined;

/**
 * The doctor's own list of causes, for this project. It does not ask an engine.
 *
 * @param commands what to type for that orchestrator
 */
export async function causeFinder(context: ServiceContext, commands: ServiceCommands): Promise<CauseFinder> {
  const facts = await factsOfValidFiles(context, {
    choice: undefined,
    absent: new UserError({
      code: 'ENGINE_NOT_ASKED',
      message: 'the project is deployed elsewhere',
      exitCode: ExitCode.engineUnavailable,
    }),
  });
  return (lines, healthOutput) => {
    const found = causeInLogs(facts, lines, healthOutput, commands);
    if (!found) return undefined;
    const { check, message, next } = found;
    return { ...(check ? { check } : {}), message, next };
  };
}

/** A failure with the project's secrets masked in its texts. */
export function masked(failure: DeployFailure, secrets: readonly string[]): DeployFailure {
  const mask = (text: string) => maskText(text, secrets);
  return {
    ...failure,
    message: mask(failure.message),
    ...(failure.error === undefined ? {} : { error: mask(failure.error) }),
    ...(failure.healthOutput === undefined ? {} : { healthOutput: mask(failure.healthOutput) }),
    lastLines: failure.lastLines.map(mask),
    ...(failure.cause
      ? { cause: { ...failure.cause, message: mask(failure.cause.message), next: mask(failure.cause.next) } }
      : {}),
  };
}

/**
 * The error for an orchestrator that stopped answering. Nothing can be rolled back then: it continues with
 * what it was given.
 *
 * @param name of what was being deployed
 * @returns undefined for another error
 */
export function wentAway(error: unknown, command: string, name: string): UserError | undefined {
  if (!(error instanceof UserError) || error.exitCode !== ExitCode.engineUnavailable) return undefined;
  return new UserError({
    code: error.code,
    message: `the orchestrator stopped answering while "${name}" was being deployed: ${error.message}. It keeps what it was given, and continues when it is back`,
    hint: `${command}      (again, when it answers: what is done already is not done twice)`,
    exitCode: error.exitCode,
    cause: error,
  });
}
