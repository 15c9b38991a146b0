import type { Recoverer } from '../recover.js';
import { restartClients } from './clients.js';
import { findDatabase } from './database.js';
import { liveState } from './live-database.js';
import { discard, restartHint, restoreStateSchema } from './restore.js';
import { removeCopy } from './scratch.js';
import { withMaintenance } from './server-sessions.js';
import { startDatabase } from './start-database.js';
import { setAllowConnections } from './swap.js';

/**
 * Both renames of a restore are one transaction, so the server knows which side of it the restore was cut off at:
 * with the previous database there, all that is left is to let the app in; without it, what was loaded goes.
 */
export const recoverRestore: Recoverer = async (context, entry) => {
  const state = restoreStateSchema.parse(entry.state);
  const database = await findDatabase(await context.engine(), context.project());
  await startDatabase(context, database);
  await removeCopy(database, state.id);
  const stateOf = (name: string) =>
    withMaintenance(database, { applicationName: 'invctl recover', signal: context.signal }, (session) =>
      liveState(session, name),
    );
  const swapped =
    state.previous === null
      ? // With no database before, the name that was taken tells by being gone.
        (entry.step === 'swap' || entry.step === 'restart') && (await stateOf(state.incoming)) === 'absent'
      : (await stateOf(state.previous)) !== 'absent';
  if (swapped) {
    await setAllowConnections(database, state.live, true);
    await restartClients(context, database, state.clients, restartHint(state));
    return {
      outcome: 'finished',
      message: `${state.live} is the restored database; ${state.previous === null ? 'there was none before it' : `the one before it is kept as ${state.previous}`}`,
    };
  }
  await discard(database, state);
  if ((await stateOf(state.live)) === 'absent') {
    return {
      outcome: 'reverted',
      message: `the server has no database ${state.live}, as before the restore`,
    };
  }
  if (state.previous !== null) await setAllowConnections(database, state.live, true);
  return { outcome: 'reverted', message: `${state.live} is as it was before the restore` };
};
