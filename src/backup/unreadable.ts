import { ExitCode, UserError } from '../errors.js';

/** Exit 8: a backup is not what it should be. */
export function unreadable(message: string, hint = 'take another: invctl db backup'): UserError {
  return new UserError({
    code: 'BACKUP_UNREADABLE',
    message: `the backup is damaged: ${message}`,
    hint,
    exitCode: ExitCode.dataUnverified,
  });
}
