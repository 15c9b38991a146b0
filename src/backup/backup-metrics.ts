import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProjectLocation } from '../project/locate.js';
import type { ProjectSettings } from '../project/settings-file.js';
import { writeFileAtomic } from '../system/files.js';
import { newestBackup } from './newest.js';

/** Of the project: what `init --monitoring` has node exporter's textfile collector read. */
const TEXTFILE_FOLDER = 'monitoring/textfile';

/**
 * Tells Prometheus of the newest verified backup, where the project has monitoring: a file that node exporter reads. It
 * goes away with the last backup, so that none is told from an old one. What cannot be written is a warning: the
 * backup is no worse for it.
 */
export async function recordBackupMetrics(
  { directory, name }: Pick<ProjectLocation, 'directory' | 'name'>,
  settings: Pick<ProjectSettings, 'backup'>,
  warn: (message: string) => void,
): Promise<void> {
  const folder = join(directory, TEXTFILE_FOLDER);
  const isMonitored = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isMonitored) return;
  const file = join(folder, `invctl-${name}.prom`);
  try {
    const newest = await newestBackup(directory, settings);
    if (newest) {
      // Node exporter runs as nobody.
      await writeFileAtomic(file, formatBackupMetrics(name, newest, settings.backup.maxAgeHours), 0o644);
    } else {
      await rm(file, { force: true });
    }
  } catch (error) {
    // A mistake of ours has no code.
    if (!(error instanceof Error && 'code' in error)) throw error;
    warn(`Prometheus is not told of this backup: ${error.message}`);
  }
}

/** In the text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/. */
export function formatBackupMetrics(
  project: string,
  newest: { takenAt: string; level: number; bytes: number },
  maxAgeHours: number,
): string {
  const gauges: [string, string, number][] = [
    [
      'invctl_backup_taken_timestamp_seconds',
      'When the newest verified backup was taken.',
      Date.parse(newest.takenAt) / 1000,
    ],
    [
      'invctl_backup_verification_level',
      'How it was verified: 1 full read, 2 restored, 3 compared row by row.',
      newest.level,
    ],
    ['invctl_backup_size_bytes', 'Size of its archive.', newest.bytes],
    [
      'invctl_backup_max_age_seconds',
      'backup.maxAgeHours of invctl.yaml: an older one is too old.',
      maxAgeHours * 3600,
    ],
  ];
  return gauges
    .map(
      ([name, help, value]) =>
        `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name}{project="${project}"} ${value}\n`,
    )
    .join('');
}
