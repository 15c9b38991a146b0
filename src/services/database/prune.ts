import { backupFolder, listBackups, removeBackup, type StoredBackup } from '../../backup/backup-folder.js';
import { recordBackupMetrics } from '../../backup/backup-metrics.js';
import { configuredStore } from '../../backup/configured-store.js';
import { type BackupCopy, listCopies, removeStoredCopy } from '../../backup/copies.js';
import { type EarlierServer, removeServer, unneededServers } from '../../backup/protection/earlier.js';
import {
  protectionPlace,
  readCatalogue,
  readReceiverNote,
  readRecord,
  removeFromPlace,
} from '../../backup/protection/place.js';
import { pruneServers } from '../../backup/protection/prune-copied.js';
import { type Unneeded, unneeded } from '../../backup/protection/retention.js';
import { UserError } from '../../errors.js';
import { backupPlace, type RetentionPolicy, readSettings } from '../../project/settings-file.js';
import { withProjectLock } from '../../system/lock.js';
import type { ServiceContext } from '../context.js';

export interface PruneResult {
  kept: StoredBackup[];
  removed: StoredBackup[];
  /**
   * Parts of the protection that no restorable moment needs any more. Absent: no protection was ever on here.
   */
  protection?: Unneeded & { earlier: EarlierServer[]; bytes: number; basesKept: number };
  /** Addresses of removed and kept copies, if invctl.yaml names a place for copies. */
  copies?: {
    kept: string[];
    removed: string[];
    /** Names of removed base backups and WAL files. */
    protection: string[];
  };
}

/**
 * Removes the backups that the policy does not keep, and their copies by the same rules; copies of the project's
 * other databases, in environments and on other machines, are neither counted nor removed. Only verified backups
 * count, and the last verified one always stays. Of the protection it removes what is older than `db protect
 * on --keep` says, which the receiver also does by itself while it runs.
 *
 * @param input.dryRun decide, and remove nothing.
 * @param input.naming called with what will be removed, before anything is removed.
 * @throws UserError COPIES_UNREACHABLE, with the backups here pruned.
 */
export async function prune(
  context: ServiceContext,
  input: { policy: Partial<RetentionPolicy>; dryRun: boolean; naming?: (going: PruneResult) => void },
): Promise<PruneResult> {
  const location = context.project();
  return withProjectLock(location, { command: 'invctl db prune', signal: context.signal }, async () => {
    const settings = await readSettings(location);
    const policy = { ...settings.backup.keep, ...input.policy };
    const place = protectionPlace(location, settings);
    const protection = await unneededOf(place);
    const here = {
      ...divide(await listBackups(backupFolder(location, settings)), policy),
      ...(protection ? { protection } : {}),
    };
    input.naming?.(here);
    if (!input.dryRun) {
      for (const { file } of here.removed) await removeBackup(file);
      await recordBackupMetrics(location, settings, context.warn);
      if (protection) {
        await removeFromPlace(place, protection);
        for (const server of protection.earlier) await removeServer(server);
      }
    }
    try {
      const store = await configuredStore(context, { location, settings });
      if (!store) return here;
      const ofPlace = ({ manifest }: BackupCopy) => manifest.place === backupPlace(location);
      const copies = divide((await listCopies(store, location.name)).filter(ofPlace), policy);
      if (!input.dryRun) for (const { name } of copies.removed) await removeStoredCopy(store, name);
      const protection = await pruneServers(store, location.name, { dryRun: input.dryRun });
      const addresses = (of: readonly BackupCopy[]) => of.map(({ name }) => `${store.address}/${name}`);
      return {
        ...here,
        copies: { kept: addresses(copies.kept), removed: addresses(copies.removed), protection },
      };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const { code, message, hint, exitCode, details } = error;
      throw new UserError({
        code,
        message: `the backups here are ${input.dryRun ? 'judged' : 'pruned'}, the copies are not: ${message}`,
        ...(hint === undefined ? {} : { hint }),
        ...(details === undefined ? {} : { details }),
        exitCode,
        cause: error,
      });
    }
  });
}

/** Nothing is removed until a receiver has recorded how long to keep it. */
async function unneededOf(place: string): Promise<PruneResult['protection']> {
  const record = await readRecord(place);
  if (!record) return undefined;
  const catalogue = await readCatalogue(place, record);
  const { keepSeconds = Number.POSITIVE_INFINITY } = (await readReceiverNote(place)) ?? {};
  const { bases, segments } = unneeded(catalogue, keepSeconds);
  const bytes = [...bases, ...segments].reduce((sum, one) => sum + one.bytes, 0);
  const earlier = await unneededServers(place, keepSeconds);
  return { bases, segments, earlier, bytes, basesKept: catalogue.bases.length - bases.length };
}

type Dated = Pick<StoredBackup, 'manifest'>;

function divide<T extends Dated>(
  backups: readonly T[],
  policy: RetentionPolicy,
): { kept: T[]; removed: T[] } {
  const kept = chooseKept(backups, policy);
  return {
    kept: backups.filter((backup) => kept.has(backup)),
    removed: backups.filter((backup) => !kept.has(backup)),
  };
}

/** @param backups newest first. */
export function chooseKept<T extends Dated>(backups: readonly T[], policy: RetentionPolicy): Set<T> {
  const verified = backups.filter(({ manifest }) => manifest.verification.level >= 1);
  const kept = new Set<T>();
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
  // Without a verified backup every backup is kept: an unverified one cannot replace another, but is better
  // than none.
  else for (const backup of backups) kept.add(backup);
  return kept;
}

/** `2026-W48`: the year and week of ISO 8601, in UTC. */
export function isoWeek(time: Date): string {
  const day = new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()));
  // In ISO 8601 a week belongs to the year of its Thursday.
  day.setUTCDate(day.getUTCDate() + 4 - (day.getUTCDay() || 7));
  const year = day.getUTCFullYear();
  const week = Math.ceil(((day.getTime() - Date.UTC(year, 0, 1)) / 86_400_000 + 1) / 7);
  return `${year}-W${String(week).padStart(2, '0')}`;
}
