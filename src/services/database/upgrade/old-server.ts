import type { ProtectionRecord } from '../../../backup/protection/place.js';
import { UserError } from '../../../errors.js';
import type { Database } from '../../../postgres/database.js';
import { beforePrefix } from '../../../postgres/derived-names.js';
import { withSession } from '../../../postgres/open-session.js';
import { type OtherDatabase, readOtherDatabases } from '../../../postgres/other-databases.js';
import { onlyRow } from '../../../postgres/session.js';
import { previousDatabases } from '../../../postgres/swap.js';
import { shellWord } from '../../../system/argv.js';
import { identifier } from '../../../system/sql.js';
import type { ServiceContext } from '../../context.js';
import { PROTECT_SLOT } from '../../protection/server-side.js';
import { ownContent } from './other-databases.js';

/** The server that an upgrade replaces, and everything on it beside the project's database. */
export interface OldServer {
  major: number;
  systemIdentifier: string;
  dataDirectory: string;
  /** Size of the project's database. */
  bytes: number;
  /** Databases that are moved as well. */
  others: OtherDatabase[];
  /** Previous databases, which restores kept. */
  aside: string[];
  tablespaces: string[];
  subscriptions: string[];
  /** Global ids of prepared transactions. */
  prepared: string[];
  slots: string[];
  /** Names of settings that ALTER SYSTEM set. */
  alterSystem: string[];
  /** Files in the data folder that are not PostgreSQL's. */
  files: string[];
  replica: boolean;
}

/**
 * What initdb and the server create in a data folder
 * (https://www.postgresql.org/docs/current/storage-file-layout.html).
 */
const OWN_FILES = [
  'base',
  'global',
  'current_logfiles',
  'log',
  'pg_.*',
  'postgresql(\\.auto)?\\.conf',
  'postmaster\\.(pid|opts)',
  'PG_VERSION',
  '(backup_label|tablespace_map)\\.old',
  'lost\\+found',
];

export async function readOldServer(context: ServiceContext, database: Database): Promise<OldServer> {
  const options = { applicationName: 'invctl db upgrade', signal: context.signal };
  const list = (query: string) => `(SELECT coalesce(json_agg(q.n ORDER BY q.n), '[]') FROM (${query}) q (n))`;
  return withSession(database, options, async (session) => {
    const server = await onlyRow<Omit<OldServer, 'aside' | 'others'>>(
      session,
      `SELECT current_setting('server_version_num')::int / 10000 AS major,
              (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier",
              current_setting('data_directory') AS "dataDirectory", pg_database_size(current_database()) AS bytes,
              pg_is_in_recovery() AS replica,
              ${list(`SELECT spcname FROM pg_tablespace WHERE spcname !~ '^pg_'`)} AS tablespaces,
              ${list('SELECT DISTINCT subname FROM pg_subscription')} AS subscriptions,
              ${list('SELECT gid FROM pg_prepared_xacts')} AS prepared,
              ${list('SELECT slot_name FROM pg_replication_slots WHERE NOT temporary')} AS slots,
              ${list(`SELECT DISTINCT name FROM pg_file_settings WHERE sourcefile ~ '/postgresql\\.auto\\.conf$'`)} AS "alterSystem",
              ${list(`SELECT f FROM pg_ls_dir(current_setting('data_directory')) f WHERE f !~ '^(${OWN_FILES.join('|')})$'`)} AS files`,
    );
    const aside = (await previousDatabases(session, beforePrefix(database))).map(({ name }) => name);
    const others = await readOtherDatabases(session, database.name);
    return { ...server, others: others.filter(({ name }) => !aside.includes(name)), aside };
  });
}

/**
 * Refuses what no upgrade can move.
 * @throws UserError SERVER_READ_ONLY, OTHER_DATABASES, TABLESPACES, SUBSCRIPTIONS, PREPARED_TRANSACTIONS
 */
export function assertMovable(server: OldServer): void {
  const { others, tablespaces, subscriptions, prepared } = server;
  if (server.replica) {
    throw new UserError({
      code: 'SERVER_READ_ONLY',
      message: 'the server is a replica, which takes no changes but those of its primary',
      hint: 'upgrade the primary, then rebuild this replica from it',
    });
  }
  const unreadable = others.filter(({ readable }) => !readable).map(({ name }) => name);
  if (unreadable[0] !== undefined) {
    throw new UserError({
      code: 'OTHER_DATABASES',
      message: `the server also holds ${unreadable.join(', ')}, which accept no connections, so ${unreadable.length === 1 ? 'its' : 'their'} content cannot be moved`,
      hint: `invctl db psql -- -c ${shellWord(`ALTER DATABASE ${identifier(unreadable[0])} ALLOW_CONNECTIONS true`)}      (or DROP DATABASE, where a drop of it was cut off)`,
      details: { databases: unreadable },
    });
  }
  if (tablespaces.length > 0) {
    throw new UserError({
      code: 'TABLESPACES',
      message: `the server has tablespaces of its own, ${tablespaces.join(', ')}, which are not part of the volume`,
      hint: 'move what is in them: ALTER TABLE … SET TABLESPACE pg_default, then DROP TABLESPACE',
    });
  }
  if (subscriptions.length > 0) {
    throw new UserError({
      code: 'SUBSCRIPTIONS',
      message: `the server subscribes to another one (${subscriptions.join(', ')}): two servers must not read from one replication slot, so no copy of a subscription may be made`,
      hint: `first:  ALTER SUBSCRIPTION ${subscriptions[0]} DISABLE; ALTER SUBSCRIPTION ${subscriptions[0]} SET (slot_name = NONE); DROP SUBSCRIPTION ${subscriptions[0]};
after the upgrade:  CREATE SUBSCRIPTION … WITH (create_slot = false, copy_data = false, slot_name = '…')`,
      details: { subscriptions },
    });
  }
  if (prepared.length > 0) {
    throw new UserError({
      code: 'PREPARED_TRANSACTIONS',
      message: `the server holds prepared transactions, which no dump has: ${prepared.join(', ')}`,
      hint: `end each one in its database:  COMMIT PREPARED '${prepared[0]}'      (or ROLLBACK PREPARED)`,
      details: { transactions: prepared },
    });
  }
}

/**
 * Says what is moved and what is not, before anything is done.
 * @param record of the protection that goes along.
 */
export async function announce(
  context: ServiceContext,
  live: Database,
  server: OldServer,
  record: ProtectionRecord | undefined,
): Promise<void> {
  const along: string[] = [];
  for (const { name } of server.others) {
    const content = await ownContent(live, name, context.signal);
    if (content.length > 0) along.push(`${name} (${content.join(', ')})`);
    else if (!['postgres', 'template1'].includes(name)) along.push(name);
  }
  if (along.length > 0) {
    context.warn(
      `the server also holds ${along.join('; ')}: moved and compared like ${live.name}, but no backup of it is kept`,
    );
  }
  const { aside, files } = server;
  const slots = server.slots.filter((name) => !record || name !== PROTECT_SLOT);
  const ours = [
    ...(record && record.slotLimitBefore !== null ? ['max_slot_wal_keep_size'] : []),
    ...(record?.summaries ? ['summarize_wal'] : []),
  ];
  const alterSystem = server.alterSystem.filter((name) => !ours.includes(name));
  if (aside.length > 0) {
    context.warn(
      `${aside.join(', ')}, left aside by restores, ${aside.length === 1 ? 'stays' : 'stay'} on the old volume`,
    );
  }
  if (slots.length > 0) {
    context.warn(
      `replication slots stay on the old server: ${slots.join(', ')}. A reader of such a slot has to start again`,
    );
  }
  if (alterSystem.length > 0) {
    context.warn(
      `settings of ALTER SYSTEM stay on the old server: ${alterSystem.join(', ')}. Set them again: invctl db psql -- -c 'ALTER SYSTEM SET …'`,
    );
  }
  if (files.length > 0) {
    context.warn(
      `files in the data folder that are not PostgreSQL's stay on the old volume: ${files.join(', ')}`,
    );
  }
}
