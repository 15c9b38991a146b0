import { logExcerpt } from '../../doctor/log-excerpt.js';
import { ExitCode, UserError } from '../../errors.js';
import type { DeployFailure } from './evidence.js';

/** What became of a deployment that failed: nothing is left of it, the version before runs, or neither. */
export type TakenBack = 'removed' | 'back' | 'stuck';

/** How the report of a failed deployment is worded for one orchestrator. */
export interface FailureWords {
  /** What was deployed, e.g. `the stack "shop"`. */
  subject: string;
  orchestrator: string;
  healthCheck: string;
  takenBack: Readonly<Record<TakenBack, string>>;
  /** The command to type where no cause has one. */
  next: string;
  /** Of the JSON document, beside the state and the failures. */
  details: Readonly<Record<string, string>>;
}

/** The error for a deployment whose services did not become ready, after it was taken back. */
export function deployFailed(
  failures: readonly DeployFailure[],
  state: TakenBack,
  { subject, orchestrator, healthCheck, takenBack, next, details }: FailureWords,
): UserError {
  const blocks = failures.map(({ service, message, cause, error, healthOutput, lastLines }) => {
    const why = cause && cause.message !== message ? `${message}: ${cause.message}` : message;
    return [
      `"${service}": ${why}`,
      ...(error && !why.includes(error) ? [`  ${orchestrator} says: ${error}`] : []),
      ...(healthOutput ? [`  ${healthCheck}: ${healthOutput.split('\n').slice(-3).join('\n    ')}`] : []),
      ...(lastLines.length > 0
        ? ['  last log lines:', ...logExcerpt(lastLines).map((line) => `    ${line}`)]
        : []),
    ].join('\n');
  });
  return new UserError({
    code: 'DEPLOY_FAILED',
    message: `${subject} was not deployed\n${blocks.join('\n')}\n${takenBack[state]}.`,
    hint: failures[0]?.cause?.next ?? next,
    exitCode: ExitCode.unhealthy,
    details: { ...details, state, failed: failures },
  });
}
