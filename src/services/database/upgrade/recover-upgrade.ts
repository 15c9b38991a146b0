import { readFile } from 'node:fs/promises';
import { UserError } from '../../../errors.js';
import { beginJournal } from '../../../system/journal.js';
import type { Recoverer } from '../../recover.js';
import { findDatabase } from '../database.js';
import { revertUpgrade } from './revert.js';
import { applyEdits, inverse } from './scalar-edit.js';
import { UPGRADE_OPERATION, type UpgradeState, upgradeStateSchema } from './state.js';
import { finishUpgrade } from './upgrade.js';

/**
 * With the new text in the compose file, all of the data is on the new volume and proved: the upgrade goes on to its
 * end. Before that, or where the services do not become healthy, everything goes back.
 */
export const recoverUpgrade: Recoverer = async (context, entry) => {
  const state = upgradeStateSchema.parse(entry.state);
  const live = await findDatabase(await context.engine(), context.project());
  let failure = '';
  if (applyEdits(await readFile(state.file, 'utf8'), inverse(state.edits)) !== undefined) {
    const journal = await beginJournal<UpgradeState>(live.location.directory, {
      operation: UPGRADE_OPERATION,
      id: state.id,
    });
    try {
      await finishUpgrade(context, live, state, journal, () => {});
      return {
        outcome: 'finished',
        message: `${live.name} is on PostgreSQL ${state.to}; the old volume ${state.volume.before} is kept until: invctl db upgrade --finalize`,
      };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failure = `: ${error.message}`;
    }
  }
  await revertUpgrade(context, live, state);
  return { outcome: 'reverted', message: `${live.name} is on PostgreSQL ${state.from} as before${failure}` };
};
