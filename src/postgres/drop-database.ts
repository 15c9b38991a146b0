import type { Session } from '../engine/database-access.js';
import { identifier, literal } from '../system/sql.js';
import type { Database } from './database.js';
import { assertNonePrepared, liveState, preparedTransactions, superuserCommand } from './live-database.js';
import { withSession } from './open-session.js';
import { subscriptionsOf } from './replication.js';
import { withMaintenance } from './server-sessions.js';

/** How long a session has to end after it was told to, in milliseconds. */
const TERMINATION_MS = 60_000;

/**
 * Drops a database of ours, whoever is connected; nothing where there is none. Its subscriptions go first, and let go
 * of their slots: those are the publisher's.
 *
 * @throws UserError PREPARED_TRANSACTIONS, SQL_FAILED
 */
export async function dropDatabase(
  database: Database,
  name: string,
  options: { applicationName: string; signal?: AbortSignal },
): Promise<void> {
  await withMaintenance(database, options, async (session) => {
    const state = await liveState(session, name);
    if (state === 'absent') return;
    if (state === 'there') {
      const psql = superuserCommand(database.service.name, database.user, '', name).replace(/ -c ''$/, '');
      assertNonePrepared(name, await preparedTransactions(session, name), psql);
      await dropSubscriptions(database, session, name, options);
      // PostgreSQL drops no template.
      await session.run(`ALTER DATABASE ${identifier(name)} IS_TEMPLATE false;`);
      // Who connects again and again, as the reader of a replication slot does, is kept out.
      await session.run(`ALTER DATABASE ${identifier(name)} ALLOW_CONNECTIONS false;`);
    }
    // FORCE ends sessions as well, but gives up on one that has not gone after five seconds, as on a busy machine.
    await session.run(`
      SELECT pg_terminate_backend(pid, ${TERMINATION_MS}) FROM pg_stat_activity
       WHERE datname = ${literal(name)} AND pid <> pg_backend_pid();
      DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE);`);
  });
}

async function dropSubscriptions(
  database: Database,
  session: Session,
  name: string,
  options: { applicationName: string; signal?: AbortSignal },
): Promise<void> {
  const subscriptions = await subscriptionsOf(session, name);
  if (subscriptions.length === 0) return;
  // Only in the database itself can they be altered; one that was closed must not receive a row while it is open.
  await session.run(`
    UPDATE pg_catalog.pg_subscription SET subenabled = false
     WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = ${literal(name)}) AND subenabled;
    ALTER DATABASE ${identifier(name)} ALLOW_CONNECTIONS true;`);
  await withSession(database, { ...options, database: name }, (inside) =>
    inside.run(
      subscriptions
        .map(({ name: one }) => identifier(one))
        .map(
          (one) => `ALTER SUBSCRIPTION ${one} DISABLE;
            ALTER SUBSCRIPTION ${one} SET (slot_name = NONE);
            DROP SUBSCRIPTION ${one};`,
        )
        .join('\n'),
    ),
  );
}
