import type { Session } from '../engine/database-access.js';
import { identifier, literal } from '../system/sql.js';
import type { Database } from './database.js';
import { assertNonePrepared, liveState, preparedTransactions, superuserCommand } from './live-database.js';
import { withSession } from './open-session.js';
import { subscriptionsOf } from './replication.js';
import { withMaintenance } from './server-sessions.js';

/** Time limit for a session to end after it was told to, in milliseconds. */
const TERMINATION_MS = 60_000;

/**
 * Drops a database that we made, even if sessions are connected; does nothing if there is none. Its
 * subscriptions are dropped first, without their slots, which belong to the publisher.
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
      // PostgreSQL does not drop a template.
      await session.run(`ALTER DATABASE ${identifier(name)} IS_TEMPLATE false;`);
      // Refuses new connections, such as those of a replication slot's reader, which reconnects again and
      // again.
      await session.run(`ALTER DATABASE ${identifier(name)} ALLOW_CONNECTIONS false;`);
    }
    // FORCE ends sessions too, but gives up on one that has not ended after five seconds, as happens on a
    // busy machine.
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
  // They can be altered only in the database itself. If it refused connections before, it must not receive a
  // row while it accepts them.
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
