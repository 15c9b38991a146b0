import { restartClients } from '../../postgres/clients.js';
import { dropDatabase } from '../../postgres/drop-database.js';
import { setAllowConnections } from '../../postgres/swap.js';
import { operation } from '../operation.js';
import { restoreOperation } from './restore-operation.js';

/**
 * A reset gives an empty database the live name, as a restore does with a restored one. So the same signs
 * show where it was cut off and how to revert it. The previous database is dropped at its end.
 */
export const resetOperation = operation({
  ...restoreOperation,
  name: 'db reset',
  finish: {
    applies: async (context, database, run) =>
      (await restoreOperation.finish?.applies(context, database, run)) ?? false,
    async complete(context, database, { state: { live, previous, clients } }) {
      await setAllowConnections(database, live, true);
      await restartClients(context, database, clients, 'invctl logs');
      if (previous !== null) await dropDatabase(database, previous, { applicationName: 'invctl recover' });
      return `${live} is reset: it has what its migrations make`;
    },
  },
  async revert(context, database, run) {
    await restoreOperation.revert(context, database, run);
    return `${run.state.live} is as it was before the reset`;
  },
});
