import type { Session } from '../engine/database-access.js';
import { shellWord } from '../system/argv.js';
import { identifier, literal } from '../system/sql.js';

export interface Subscription {
  name: string;
  enabled: boolean;
  /** The publisher's slot. Null: the subscription has none. */
  slot: string | null;
}

/** The parts of a database that take part in logical replication. */
export interface Replication {
  subscriptions: Subscription[];
  /** Names of logical replication slots, through which other programs read the database. */
  slots: string[];
}

/** @param session with any database of the server. */
export function subscriptionsOf(session: Session, database: string): Promise<Subscription[]> {
  return session.rows<Subscription>(
    `SELECT subname AS name, subenabled AS enabled, subslotname AS slot FROM pg_subscription
      WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = ${literal(database)}) ORDER BY 1`,
  );
}

/** @param session with any database of the server. */
export async function readReplication(session: Session, database: string): Promise<Replication> {
  const subscriptions = await subscriptionsOf(session, database);
  const slots = await session.rows<{ name: string }>(
    `SELECT slot_name AS name FROM pg_replication_slots
      WHERE database = ${literal(database)} AND NOT temporary ORDER BY 1`,
  );
  return { subscriptions, slots: slots.map(({ name }) => name) };
}

/** Stops the subscriptions of the session's database, whatever state the dump gave them. */
export async function disableSubscriptions(
  session: Session,
  subscriptions: readonly Subscription[],
): Promise<void> {
  const enabled = subscriptions.filter((one) => one.enabled);
  await session.run(enabled.map(({ name }) => `ALTER SUBSCRIPTION ${identifier(name)} DISABLE;`).join('\n'));
}

/**
 * Returns notes for the user about replication, for a restored database that replaces another.
 * @param previous the new name of the other one; null: there is none.
 */
export function replicationNotes(
  live: Replication,
  restored: Replication,
  previous: string | null,
): string[] {
  const names = new Set(restored.subscriptions.map(({ name }) => name));
  const left = live.subscriptions.filter(({ name, slot }) => !names.has(name) && slot !== null);
  return [
    ...restored.subscriptions
      .filter(({ enabled }) => !enabled)
      .map(({ name }) => {
        const one = identifier(name);
        return `the subscription ${name} is restored disabled and receives nothing. To go on, empty its tables, then:  invctl db psql -- -c ${shellWord(`ALTER SUBSCRIPTION ${one} ENABLE`)} -c ${shellWord(`ALTER SUBSCRIPTION ${one} REFRESH PUBLICATION`)}`;
      }),
    ...left.map(
      ({ name, slot }) =>
        `the subscription ${name} is not in what takes its place: it stays with ${previous}, and its publisher keeps WAL for the slot ${slot}`,
    ),
    ...live.slots.map(
      (slot) =>
        `the replication slot ${slot} stays with ${previous}: who reads it gets nothing of the restored database, and the server keeps WAL for it until: invctl db psql -- -c ${shellWord(`SELECT pg_drop_replication_slot(${literal(slot).trim()})`)}`,
    ),
  ];
}
