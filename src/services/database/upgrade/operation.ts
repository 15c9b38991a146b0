import { readFile } from 'node:fs/promises';
import { findDatabase } from '../../../postgres/database.js';
import { applyEdits, inverse } from '../../../project/compose-text.js';
import { operation } from '../../operation.js';
import { finishUpgrade } from './finish.js';
import { revertUpgrade } from './revert.js';
import { UPGRADE_STEPS, upgradeStateSchema } from './state.js';

/**
 * Once the compose file has the new text, all data is on the new volume and verified: `recover` finishes the
 * upgrade. Before that, or when the services do not become healthy, everything is reverted.
 */
export const upgradeOperation = operation({
  name: 'db upgrade',
  state: upgradeStateSchema,
  steps: UPGRADE_STEPS,
  reopen: async (context) => findDatabase(await context.engine(), context.project()),
  finish: {
    async applies(_context, _live, { state: { file, edits } }) {
      return applyEdits(await readFile(file, 'utf8'), inverse(edits)) !== undefined;
    },
    async complete(context, live, run) {
      await finishUpgrade(context, live, run);
      const { to, volume } = run.state;
      return `${live.name} is on PostgreSQL ${to}; the old volume ${volume.before} is kept until: invctl db upgrade --finalize`;
    },
  },
  async revert(context, live, { state }) {
    await revertUpgrade(context, live, state);
    return `${live.name} is on PostgreSQL ${state.from} as before`;
  },
});
