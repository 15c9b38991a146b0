import { restartClients } from '../../postgres/clients.js';
import { dropDatabase } from '../../postgres/drop-database.js';
import { setAllowConnections } from '../../postgres/swap.js';
import { operation } from '../operation.js';
import { restoreOperation } from './restore-operation.js';

/**
 * An empty database takes the live one's name as a restored one does, so that a reset which was cut off is found and
 * taken back by the same signs. The database before goes at its end.
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
