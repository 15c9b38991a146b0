import type { Session } from '../../../engine/database-access.js';
import { type Database, programFailed, psqlForScript, runClient } from '../../../postgres/database.js';
import { maintenanceDatabase, withMaintenance } from '../../../postgres/server-sessions.js';
import { PROTECT_ROLE } from '../../../project/receiver.js';
import { databaseWord } from '../../../system/argv.js';
import { literal } from '../../../system/sql.js';
import type { ServiceContext } from '../../context.js';

/**
 * SQL statements that recreate what belongs to the cluster and not to a database: roles with their passwords,
 * settings and memberships. They contain secrets.
 *
 * @throws UserError UPGRADE_FAILED
 */
export async function dumpRoles({ signal }: ServiceContext, from: Database): Promise<string> {
  const dump = await runClient(
    from,
    [
      'pg_dumpall',
      `--username=${from.user}`,
      `--database=${databaseWord(from.name)}`,
      '--no-password',
      '--globals-only',
    ],
    { signal },
  );
  if (dump.status !== 0) throw programFailed('UPGRADE_FAILED', 'pg_dumpall cannot read the roles', dump);
  return (
    dump.stdout
      .split('\n')
      // psql's own commands are not needed here, and not every psql knows them all; one has a new random key
      // every time.
      .filter((line) => !/^\\(un)?restrict\b/.test(line))
      .join('\n')
  );
}

/**
 * Gives the new server the roles of {@link dumpRoles}. They pass from server to server through memory and are
 * not written to a disk or a log.
 *
 * @throws UserError UPGRADE_FAILED
 */
export async function loadRoles({ signal }: ServiceContext, roles: string, to: Database): Promise<void> {
  const there = await withMaintenance(to, { applicationName: 'invctl db upgrade', signal }, (session) =>
    session.rows<{ create: string }>(`SELECT format('CREATE ROLE %I;', rolname) AS create FROM pg_roles`),
  );
  const existing = new Set(there.map(({ create }) => create));
  const statements = roles.split('\n').filter((line) => !existing.has(line));
  const load = await runClient(
    to,
    [...psqlForScript(to, maintenanceDatabase(to)), '--quiet', '--single-transaction', '--file=-'],
    { database: maintenanceDatabase(to), input: statements.join('\n'), signal },
  );
  if (load.status !== 0) throw programFailed('UPGRADE_FAILED', 'the new server refuses the roles', load);
}

/**
 * Names of settings whose value in the old server's files differs from that in the new one's; without ALTER
 * SYSTEM. What initdb takes from the machine (locale, time zone) is compared too: the same image sets the
 * same values.
 */
export async function settingsLeftBehind(from: Session, to: Session): Promise<string[]> {
  const read = async (session: Session) => ({
    // pg_settings would show what our own session sets in place of what the file says.
    settings: await session.rows<{ name: string; value: string }>(
      `SELECT DISTINCT ON (lower(name)) lower(name) AS name, setting AS value FROM pg_file_settings
        WHERE name IS NOT NULL AND sourcefile !~ '/postgresql\\.auto\\.conf$' ORDER BY lower(name), seqno DESC`,
    ),
    rules: JSON.stringify(
      await session.rows(
        // A protection moves with the data.
        `SELECT type, database, user_name, address, netmask, auth_method, options FROM pg_hba_file_rules
          WHERE ${literal(PROTECT_ROLE)} <> ALL (coalesce(user_name, '{}')) ORDER BY line_number`,
      ),
    ),
    maps: await userMaps(session),
  });
  const [before, after] = [await read(from), await read(to)];
  const missing = before.settings
    .filter(({ name, value }) => !after.settings.some((one) => one.name === name && one.value === value))
    .map(({ name }) => name);
  return [
    ...missing,
    ...(before.rules === after.rules ? [] : ['the rules of pg_hba.conf']),
    ...(before.maps === after.maps ? [] : ['the maps of pg_ident.conf']),
  ];
}

/** Lines of pg_ident.conf that are not comments. PostgreSQL 14 has no view of them. */
async function userMaps(session: Session): Promise<string> {
  const lines = await session.rows<{ line: string }>(
    `SELECT line FROM string_to_table(pg_read_file(current_setting('ident_file')), E'\\n') line
      WHERE line !~ '^\\s*(#|$)'`,
  );
  return JSON.stringify(lines);
}

/** The next transaction number. Every write uses one. */
export async function nextTransaction(session: Session): Promise<bigint> {
  const [row] = await session.rows<{ next: string }>(
    'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next',
  );
  return BigInt(row?.next ?? 0);
}
