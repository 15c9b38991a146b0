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

/** `- *list`: an alias is one entry, whatever it stands for. */
export function listInList(at: Position): UserError {
  return invalidProject(
    'COMPOSE_INVALID',
    'there is a list inside a list: YAML does not join them, and Compose accepts only plain entries here',
    at,
    'write the entries out; an alias of a list fits behind the key only: `volumes: *list`',
  );
}
