import type { ProtectionRecord } from '../../backup/protection/place.js';
import type { Session } from '../../engine/database-access.js';
import { ExitCode, UserError } from '../../errors.js';
import { type Database, programFailed, runProgram } from '../../postgres/database.js';
import { writeVerifier } from '../../postgres/role-password.js';
import { onlyRow } from '../../postgres/session.js';
import { PROTECT_ROLE } from '../../project/receiver.js';
import { scramVerifier } from '../../system/scram.js';
import type { Secret } from '../../system/secret.js';
import { identifier, literal } from '../../system/sql.js';

/** Name of the receiver's replication slot. */
export const PROTECT_SLOT = 'invctl';
/**
 * Most WAL that the server keeps for a receiver that is away: without a limit it keeps WAL until its disk is
 * full and it stops.
 */
const SLOT_LIMIT = '4GB';
/**
 * `all` does not include the database name `replication` (pg_hba.conf). `samenet`: a container's own
 * networks.
 */
const HBA_LINE = `host replication ${PROTECT_ROLE} samenet scram-sha-256  # invctl db protect`;
// A file without a line end at its end would join its last line with the new one.
const ADD_LINE = `grep -qxF -- "$2" "$1" && exit
[ -z "$(tail -c 1 "$1")" ] || echo >>"$1"
printf '%s\\n' "$2" >>"$1"`;
const REMOVE_LINE = `grep -qxF -- "$2" "$1" || exit 0
grep -vxF -- "$2" "$1" >"$1.invctl"
cat "$1.invctl" >"$1" && rm "$1.invctl"`;

export interface ServerFacts {
  systemIdentifier: string;
  segmentBytes: number;
  dataDirectory: string;
  hbaFile: string;
  slotLimit: string;
  /** Value of `summarize_wal`; null: a server before 17, which does not have it. */
  summaries: string | null;
  major: number;
}

/**
 * Reads what the protection needs to know about the server.
 * @throws UserError PROTECTION_IMPOSSIBLE when one of its settings prevents the protection.
 */
export async function readServer(session: Session): Promise<ServerFacts> {
  const found = await onlyRow<
    ServerFacts & { walLevel: string; senders: number; slots: number; tablespaces: string | null }
  >(
    session,
    `SELECT (SELECT system_identifier::text FROM pg_control_system()) AS "systemIdentifier",
            pg_size_bytes(current_setting('wal_segment_size'))::int AS "segmentBytes",
            current_setting('data_directory') AS "dataDirectory", current_setting('hba_file') AS "hbaFile",
            current_setting('max_slot_wal_keep_size') AS "slotLimit",
            current_setting('summarize_wal', true) AS summaries, current_setting('wal_level') AS "walLevel",
            current_setting('server_version_num')::int / 10000 AS major,
            current_setting('max_wal_senders')::int AS senders, current_setting('max_replication_slots')::int AS slots,
            (SELECT string_agg(spcname, ', ') FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global'))
              AS tablespaces`,
  );
  const { walLevel, senders, slots, tablespaces, ...facts } = found;
  const against = [
    ...(walLevel === 'minimal' ? ['wal_level is minimal, and has to be replica'] : []),
    ...(senders < 2 ? [`max_wal_senders is ${senders}, and has to be 2 at least`] : []),
    ...(slots < 1 ? ['max_replication_slots is 0, and has to be 1 at least'] : []),
  ];
  if (against.length > 0) {
    throw impossible(
      against.join('; '),
      'set it in its configuration, restart it, and: invctl db protect on',
    );
  }
  if (tablespaces !== null) {
    throw impossible(
      `it has tablespaces (${tablespaces}), whose folders lie outside of its data folder`,
      'move what is in them (ALTER TABLE … SET TABLESPACE pg_default), drop them, and: invctl db protect on',
    );
  }
  return facts;
}

/**
 * The programs beside the server must not be older than the server: older ones refuse to receive from it
 * (CheckServerVersionForStreaming in receivelog.c). The embedded engine takes those of the server itself, or its
 * own, and none that this machine has besides.
 * @param then the command for when the image has them.
 * @throws UserError PROTECTION_IMPOSSIBLE
 */
export async function assertPrograms(
  database: Database,
  { major }: ServerFacts,
  then = 'invctl db protect on',
): Promise<void> {
  if (database.engine.kind === 'embedded') return;
  for (const program of ['pg_receivewal', 'pg_basebackup']) {
    const { status, stdout } = await runProgram(database, [program, '--version']);
    const found = Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]);
    if (status === 0 && found >= major) continue;
    throw impossible(
      status === 0
        ? `its image has the ${program} of PostgreSQL ${found}, which receives nothing from a server of ${major}`
        : `its image has no ${program}`,
      `use an image whose client programs are of ${major} (docker.io/library/postgres:${major} is one), then: ${then}`,
    );
  }
}

/**
 * An image may declare an anonymous volume for its data. It belongs to one container, and a second server
 * does not find it.
 * @throws UserError PROTECTION_IMPOSSIBLE
 */
export async function assertDataOutlivesContainer(
  { engine, location, service }: Pick<Database, 'engine' | 'location' | 'service'>,
  { dataDirectory }: Pick<ServerFacts, 'dataDirectory'>,
): Promise<void> {
  const [details] = await engine.inspect(location, service.name);
  const mount = details?.mounts
    .filter(({ target }) => `${dataDirectory}/`.startsWith(`${target.replace(/\/$/, '')}/`))
    .sort((a, b) => b.target.length - a.target.length)[0];
  if (!mount || service.mounts.some(({ target }) => target.replace(/\/$/, '') === mount.target)) return;
  throw impossible(
    `its data lies in ${dataDirectory}, in a volume without a name that the image has made at ${mount.target}`,
    `mount a volume at ${mount.target}: invctl doctor --only vol.path`,
  );
}

/**
 * Creates the role, allows its login, limits what the slot keeps, and enables WAL summaries. Needs no
 * restart.
 * @param password undefined: the role has the one that it had before.
 */
export async function prepareServer(
  database: Database,
  session: Session,
  { hbaFile, slotLimit, summaries }: ServerFacts,
  password: Secret | undefined,
): Promise<void> {
  const [role] = await session.rows(`SELECT 1 FROM pg_roles WHERE rolname = ${literal(PROTECT_ROLE)}`);
  if (!role) await session.run(`CREATE ROLE ${identifier(PROTECT_ROLE)};`);
  await session.run(
    `ALTER ROLE ${identifier(PROTECT_ROLE)} LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE;`,
  );
  if (password) await writeVerifier(session, PROTECT_ROLE, scramVerifier(password));
  await editHba(database, hbaFile, ADD_LINE);
  if (slotLimit === '-1')
    await session.run(`ALTER SYSTEM SET max_slot_wal_keep_size = ${literal(SLOT_LIMIT)};`);
  if (summaries === 'off') await session.run('ALTER SYSTEM SET summarize_wal = on;');
  await session.run('SELECT pg_reload_conf();');
}

/**
 * Reverts {@link prepareServer}, as far as it was done.
 * @param ours.slotLimitBefore null: invctl did not set the limit.
 * @param ours.summaries false: invctl did not enable them.
 */
export async function clearServer(
  database: Database,
  session: Session,
  { slotLimitBefore, summaries }: Pick<ProtectionRecord, 'slotLimitBefore' | 'summaries'>,
): Promise<void> {
  const { hbaFile } = await onlyRow<{ hbaFile: string }>(
    session,
    `SELECT current_setting('hba_file') AS "hbaFile"`,
  );
  await session.run(
    `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
      WHERE slot_name = ${literal(PROTECT_SLOT)} AND active_pid IS NOT NULL;
     SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
      WHERE slot_name = ${literal(PROTECT_SLOT)} AND slot_type = 'physical' AND NOT active;
     DROP ROLE IF EXISTS ${identifier(PROTECT_ROLE)};`,
  );
  await editHba(database, hbaFile, REMOVE_LINE);
  if (slotLimitBefore !== null) await session.run('ALTER SYSTEM RESET max_slot_wal_keep_size;');
  if (summaries) await session.run('ALTER SYSTEM RESET summarize_wal;');
  await session.run('SELECT pg_reload_conf();');
}

async function editHba(database: Database, file: string, script: string): Promise<void> {
  const result = await runProgram(database, ['sh', '-c', script, 'sh', file, HBA_LINE]);
  if (result.status === 0) return;
  throw programFailed(
    'PROTECTION_IMPOSSIBLE',
    `${file} of the service ${database.service.name} cannot be edited`,
    result,
    `add this line to the file that is mounted there:  ${HBA_LINE}`,
  );
}

function impossible(why: string, hint: string): UserError {
  return new UserError({
    code: 'PROTECTION_IMPOSSIBLE',
    message: `the server cannot be protected as it is: ${why}`,
    hint,
    exitCode: ExitCode.failure,
  });
}
