import { shellWord } from '../system/argv.js';
import { formatLsn, type Lsn } from './wal.js';

/** Point at which recovery stops. */
export type RecoveryTarget =
  /** The end of the available WAL. */
  | { kind: 'end' }
  /** After the last commit up to this moment. */
  | { kind: 'moment'; at: Date }
  /** Before the commit of this transaction. */
  | { kind: 'before'; transaction: string }
  /** Before the record at this position. */
  | { kind: 'position'; lsn: Lsn };

/**
 * Returns lines for `postgresql.auto.conf` that recover a base to a target, from which the server goes on. They
 * need a `recovery.signal`; see "Recovery Target" and "Archive Recovery" in PostgreSQL's
 * documentation.
 * @param walFolder the folder with the WAL files. The last one may end in `.partial`.
 */
export function recoverySettings(walFolder: string, timeline: number, target: RecoveryTarget): string {
  // The server replaces %f and %p, then a shell reads the command.
  const folder = shellWord(walFolder).replaceAll('%', '%%');
  const settings: Record<string, string> = {
    restore_command: `cp ${folder}/%f "%p" 2>/dev/null || cp ${folder}/%f.partial "%p" 2>/dev/null`,
    recovery_target_timeline: String(timeline),
    // A server that pauses there keeps the locks of what had not ended: whoever reads those tables waits for ever.
    recovery_target_action: 'promote',
    hot_standby: 'on',
    // The copy must not do what the live server's configuration does for other servers.
    archive_mode: 'off',
    primary_conninfo: '',
    max_logical_replication_workers: '0',
    // pg_cron 1.6 and later; to a server without it, it is a name.
    'cron.launch_active_jobs': 'off',
    // So that its messages can be recognised.
    lc_messages: 'C',
    ...targetSettings(target),
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${quoted(value)}\n`)
    .join('');
}

/** A value for a configuration file, which has the escapes of C (`DeescapeQuotedString` in guc-file.l). */
function quoted(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll("'", "''")}'`;
}

function targetSettings(target: RecoveryTarget): Record<string, string> {
  switch (target.kind) {
    case 'end':
      return {};
    case 'moment':
      // When the server reads this setting it does not know names of time zones yet, not even Z.
      return {
        recovery_target_time: target.at.toISOString().replace('T', ' ').replace('Z', '+00'),
        recovery_target_inclusive: 'on',
      };
    case 'before':
      return { recovery_target_xid: target.transaction, recovery_target_inclusive: 'off' };
    case 'position':
      return { recovery_target_lsn: formatLsn(target.lsn), recovery_target_inclusive: 'off' };
  }
}

/**
 * Whether a server that ended during recovery did not find its target in all the WAL.
 * @param log in English.
 */
export function saysTargetNotReached(log: string): boolean {
  return log.includes('recovery ended before configured recovery target was reached');
}
