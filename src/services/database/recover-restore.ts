import type { Recoverer } from '../recover.js';
import { restartClients } from './clients.js';
import { findDatabase } from './database.js';
import { discard, restoreStateSchema } from './restore.js';
import { removeCopy } from './scratch.js';
import { maintenanceDatabase } from './server-sessions.js';
import { withSession } from './session.js';
import { startDatabase } from './start-database.js';
import { databaseExists, setAllowConnections } from './swap.js';

/**
 * Both renames of a restore are one transaction, so the server knows which side of it the restore was cut off at:
 * with the previous database there, all that is left is to let the app in; without it, what was loaded goes.
 */
export const recoverRestore: Recoverer = async (context, entry) => {
  const state = restoreStateSchema.parse(entry.state);
  const database = await findDatabase(await context.engine(), context.project());
  await startDatabase(context, database);
  await removeCopy(database, state.id);
  const swapped = await withSession(
    database,
    { database: maintenanceDatabase(database), applicationName: 'invctl recover', signal: context.signal },
    (session) => databaseExists(session, state.previous),
  );
  if (swapped) {
    await setAllowConnections(database, state.live, true);
    await restartClients(
      context,
      database,
      state.clients,
      'invctl logs, or go back: invctl db restore --undo',
    );
    return {
      outcome: 'finished',
      message: `${state.live} is the restored database; the one before it is kept as ${state.previous}`,
    };
  }
  await discard(database, state);
  await setAllowConnections(database, state.live, true);
  return { outcome: 'reverted', message: `${state.live} is as it was before the restore` };
};
