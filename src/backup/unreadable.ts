import { ExitCode, UserError } from '../errors.js';

/** Makes the error for a damaged backup (exit 8). */
export function unreadable(message: string, hint = 'take another: invctl db backup'): UserError {
  return new UserError({
    code: 'BACKUP_UNREADABLE',
    message: `the backup is damaged: ${message}`,
    hint,
    exitCode: ExitCode.dataUnverified,
  });
}
