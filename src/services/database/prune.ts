import type { RetentionPolicy } from '../../project/settings-file.js';
import { withProjectLock } from '../../system/lock.js';
import type { ServiceContext } from '../context.js';
import { backupFolder, listBackups, removeBackup, type StoredBackup } from './backup-store.js';
import { findDatabase } from './database.js';

export interface PruneResult {
  kept: StoredBackup[];
  removed: StoredBackup[];
}

/**
 * Removes the backups that the policy does not keep. Only verified ones count for it, and the last verified one
 * stays whatever it says.
 *
 * @param input.dryRun decide, and remove nothing.
 */
export async function prune(
  context: ServiceContext,
  input: { policy: Partial<RetentionPolicy>; dryRun: boolean },
): Promise<PruneResult> {
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(
    location.directory,
    { command: 'invctl db prune', signal: context.signal },
    async () => {
      const { settings } = await findDatabase(engine, location);
      const backups = await listBackups(backupFolder(location, settings));
      const kept = chooseKept(backups, { ...settings.backup.keep, ...input.policy });
      const removed = backups.filter((backup) => !kept.has(backup));
      if (!input.dryRun) for (const { file } of removed) await removeBackup(file);
      return { kept: backups.filter((backup) => kept.has(backup)), removed };
    },
  );
}

/** @param backups newest first. */
export function chooseKept(backups: readonly StoredBackup[], policy: RetentionPolicy): Set<StoredBackup> {
  const verified = backups.filter(({ manifest }) => manifest.verification.level >= 1);
  const kept = new Set<StoredBackup>();
  const rules: [number, (time: Date) => string][] = [
    [policy.daily, (time) => time.toISOString().slice(0, 10)],
    [policy.weekly, isoWeek],
    [policy.monthly, (time) => time.toISOString().slice(0, 7)],
  ];
  for (const [count, periodOf] of rules) {
    const periods = new Set<string>();
    for (const backup of verified) {
      const period = periodOf(new Date(backup.manifest.takenAt));
      if (periods.has(period)) continue;
      if (periods.size === count) break;
      periods.add(period);
      kept.add(backup);
    }
  }
  const [newest] = verified;
  if (newest) kept.add(newest);
  // What was never verified cannot stand in for anything; nor is it worth less than what nobody has.
  else for (const backup of backups) kept.add(backup);
  return kept;
}

/** `2026-W48`: the year and week of ISO 8601, in UTC. */
export function isoWeek(time: Date): string {
  const day = new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()));
  // The week belongs to the year of its Thursday.
  day.setUTCDate(day.getUTCDate() + 4 - (day.getUTCDay() || 7));
  const year = day.getUTCFullYear();
  const week = Math.ceil(((day.getTime() - Date.UTC(year, 0, 1)) / 86_400_000 + 1) / 7);
  return `${year}-W${String(week).padStart(2, '0')}`;
}
