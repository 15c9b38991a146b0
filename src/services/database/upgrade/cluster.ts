import type { ServiceContext } from '../../context.js';
import { type Database, programFailed, runClient } from '../database.js';
import { maintenanceDatabase, withMaintenance } from '../server-sessions.js';
import type { Session } from '../session.js';

/**
 * Copies what belongs to the cluster and not to a database: roles with their passwords, settings and memberships. It
 * goes from server to server through our memory, and touches no disk and no log.
 */
export async function copyRoles(context: ServiceContext, from: Database, to: Database): Promise<void> {
  const { signal } = context;
  const dump = await runClient(
    from,
    ['pg_dumpall', `--username=${from.user}`, `--database=${from.name}`, '--no-password', '--globals-only'],
    { signal },
  );
  if (dump.status !== 0) throw programFailed('UPGRADE_FAILED', 'pg_dumpall cannot read the roles', dump);
  const there = await withMaintenance(to, { applicationName: 'invctl db upgrade', signal }, (session) =>
    session.rows<{ create: string }>(`SELECT format('CREATE ROLE %I;', rolname) AS create FROM pg_roles`),
  );
  const existing = new Set(there.map(({ create }) => create));
  const statements = dump.stdout
    .split('\n')
    // psql's own commands are of no use here, and not every psql knows them all.
    .filter((line) => !existing.has(line) && !/^\\(un)?restrict\b/.test(line));
  const load = await runClient(
    to,
    [
      'psql',
      `--username=${to.user}`,
      `--dbname=${maintenanceDatabase(to)}`,
      '--no-psqlrc',
      '--no-password',
      '--quiet',
      '--set=ON_ERROR_STOP=1',
      '--single-transaction',
      '--file=-',
    ],
    { database: maintenanceDatabase(to), input: statements.join('\n'), signal },
  );
  if (load.status !== 0) throw programFailed('UPGRADE_FAILED', 'the new server refuses the roles', load);
}

/** Names of what an administrator set on the server itself, in its files, that the new server has not. */
export async function settingsLeftBehind(from: Session, to: Session): Promise<string[]> {
  const read = async (session: Session) => ({
    settings: await session.rows<{ name: string; value: string }>(
      `SELECT name, setting AS value FROM pg_settings
        WHERE source = 'configuration file' AND name NOT IN ('data_directory', 'hba_file', 'ident_file')
          AND name !~ '^(lc_|TimeZone|log_timezone|DateStyle|default_text_search_config)'`,
    ),
    rules: JSON.stringify(
      await session.rows(
        'SELECT type, database, user_name, address, netmask, auth_method, options FROM pg_hba_file_rules ORDER BY line_number',
      ),
    ),
  });
  const [before, after] = [await read(from), await read(to)];
  const missing = before.settings
    .filter(({ name, value }) => !after.settings.some((one) => one.name === name && one.value === value))
    .map(({ name }) => name);
  return [...missing, ...(before.rules === after.rules ? [] : ['the rules of pg_hba.conf'])];
}

/** The next transaction's number. Whoever writes takes one. */
export async function nextTransaction(session: Session): Promise<bigint> {
  const [row] = await session.rows<{ next: string }>(
    'SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next',
  );
  return BigInt(row?.next ?? 0);
}
