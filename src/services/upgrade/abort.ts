import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import { withProjectLock } from '../../system/lock.js';
import { STATE_FOLDER } from '../../system/state-folder.js';
import { readUpgradeRecord, UPGRADE_FOLDER } from '../../template/upgrade-folder.js';
import type { ServiceContext } from '../context.js';
import { perform } from '../operation.js';
import { findScaffold, ofAllEnvironments } from './find-scaffold.js';
import { abortOperation, forget, putBack, stagedIn } from './operations.js';

export interface AbortResult {
  directory: string;
  name: string;
  /** Versions of the template: the one that was reverted, and the one that is in place again. */
  from: string;
  to: string;
  /** Paths of the files that are again as before the upgrade. */
  restored: string[];
  /** Restored files that were edited since the upgrade. */
  edited: string[];
  /** Where copies of those are. */
  copies?: string;
  /** Migrations of the upgrade, which are removed. */
  migrations: string[];
}

/**
 * Reverts the last upgrade: every file is as it was before.
 * @throws UserError NO_UPGRADE, NOT_A_SCAFFOLD, LOCK_INVALID (exit 4), PROJECT_LOCKED (exit 9)
 */
export async function abortUpgrade(context: ServiceContext): Promise<AbortResult> {
  const { root, lock } = await findScaffold(context);
  return withProjectLock(
    { stateFolder: join(root, STATE_FOLDER) },
    { command: 'invctl upgrade --abort', signal: context.signal },
    async () => {
      const record = await readUpgradeRecord(join(root, UPGRADE_FOLDER));
      if (!record) {
        throw new UserError({
          code: 'NO_UPGRADE',
          message: 'there is no upgrade to take back in this project',
          hint: 'invctl upgrade --diff      (what one would change)',
        });
      }
      const staged = stagedIn(root);
      const aside = await perform(
        abortOperation,
        ofAllEnvironments(context, root),
        { id: `abort-${randomUUID()}`, state: { folder: UPGRADE_FOLDER }, subject: staged },
        async (run) => {
          await run.begin('restore');
          const putAside = await putBack(context, staged, record);
          await forget(staged.folder);
          return putAside;
        },
      );
      return {
        directory: root,
        name: lock.options.name,
        from: record.to,
        to: record.from,
        restored: record.changes.map(({ path }) => path),
        edited: aside.paths,
        ...(aside.paths.length > 0 ? { copies: aside.folder } : {}),
        migrations: record.migrations,
      };
    },
  );
}
