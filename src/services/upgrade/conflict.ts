import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode, UserError } from '../../errors.js';

/**
 * Refuses a project with conflict markers that an upgrade left.
 * @throws UserError UPGRADE_IN_CONFLICT (exit 4) with file and line
 */
export async function assertNoConflict(directory: string): Promise<void> {
  // Every `up` runs this, and most projects never had an upgrade.
  if (!existsSync(join(directory, '.invctl', 'upgrade'))) return;
  const { unresolvedConflicts } = await import('../../template/upgrade-folder.js');
  const [first, ...more] = await unresolvedConflicts(directory);
  if (!first) return;
  const others =
    more.length === 0 ? '' : `, and in ${more.length} more ${more.length === 1 ? 'file' : 'files'}`;
  throw new UserError({
    code: 'UPGRADE_IN_CONFLICT',
    message: `an upgrade left a conflict here${others}: both versions stand between <<<<<<< and >>>>>>>`,
    hint: 'edit it: keep what is right, remove the markers\n(or take the whole upgrade back: invctl upgrade --abort)',
    file: first.file,
    line: first.lines[0] ?? 1,
    exitCode: ExitCode.projectInvalid,
  });
}
