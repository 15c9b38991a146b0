/** Where recovery is to stop. */
export type RecoveryTarget =
  /** At the end of the WAL that is there. */
  | { kind: 'end' }
  /** Behind the last commit up to this moment. */
  | { kind: 'moment'; at: Date }
  /** Before the commit of this transaction. */
  | { kind: 'before'; transaction: string };

/**
 * Lines for `postgresql.auto.conf` that recover a base backup to a target, where the server pauses and can be looked
 * at. Beside a `recovery.signal`; see "Recovery Target" and "Archive Recovery" in PostgreSQL's documentation.
 *
 * @param walFolder that has the WAL, each file by its name. The last one may end in `.partial`.
 */
export function recoverySettings(walFolder: string, timeline: number, target: RecoveryTarget): string {
  const settings: Record<string, string> = {
    restore_command: `cp "${walFolder}/%f" "%p" 2>/dev/null || cp "${walFolder}/%f.partial" "%p" 2>/dev/null`,
    recovery_target_timeline: String(timeline),
    recovery_target_action: 'pause',
    hot_standby: 'on',
    // What the live server's configuration does for others is not for its double to do.
    archive_mode: 'off',
    primary_conninfo: '',
    // So that what it says can be told apart.
    lc_messages: 'C',
    ...targetSettings(target),
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('');
}

function targetSettings(target: RecoveryTarget): Record<string, string> {
  switch (target.kind) {
    case 'end':
      return {};
    case 'moment':
      // Where the server reads it, it knows no names of zones yet, not even Z.
      return {
        recovery_target_time: target.at.toISOString().replace('T', ' ').replace('Z', '+00'),
        recovery_target_inclusive: 'on',
      };
    case 'before':
      return { recovery_target_xid: target.transaction, recovery_target_inclusive: 'off' };
  }
}

/** Whether a server that ended in recovery had not found its target in all the WAL. @param log in English. */
export function saysTargetNotReached(log: string): boolean {
  return log.includes('recovery ended before configured recovery target was reached');
}
