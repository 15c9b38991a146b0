import { protectionPlace } from '../../backup/protection/place.js';
import { UserError } from '../../errors.js';
import type { Database } from '../../postgres/database.js';
import { withMaintenance } from '../../postgres/server-sessions.js';
import type { ServiceContext } from '../context.js';
import { receiverPassword } from './place.js';
import { prepareServer, readServer } from './server-side.js';

/**
 * Lets the receiver into a server that was brought back: it may be older than the receiver's role, its password or
 * the line for it in pg_hba.conf. A server that does not let it in is a warning, as it is brought back.
 */
export async function letReceiverIn(context: ServiceContext, database: Database): Promise<void> {
  const password = await receiverPassword(protectionPlace(database.location, database.settings));
  if (!password) return;
  const options = { applicationName: 'invctl db restore', signal: context.signal };
  try {
    await withMaintenance(database, options, async (session) =>
      prepareServer(database, session, await readServer(session), password),
    );
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    context.warn(`the receiver is not let in (${error.message}); once that is mended:  invctl db protect on`);
  }
}
