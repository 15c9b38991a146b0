import { ExitCode, UserError } from '../errors.js';
import type { Position } from './tree.js';

/** A project that Compose refuses, with the place of the mistake: exit code 4. */
export function invalidProject(
  code: string,
  message: string,
  at: Position | undefined,
  hint?: string,
): UserError {
  return new UserError({
    code,
    message,
    exitCode: ExitCode.projectInvalid,
    ...(at ? { file: at.file, line: at.line } : {}),
    ...(hint === undefined ? {} : { hint }),
  });
}
