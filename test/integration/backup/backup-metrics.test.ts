import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { recordBackupMetrics } from '../../../src/backup/backup-metrics.js';
import { readSettings } from '../../../src/project/settings-file.js';
import { temporaryFolder } from '../../support/folder.js';

let directory: string;
let warnings: string[];
beforeEach(async () => {
  directory = await temporaryFolder();
  warnings = [];
});

const record = async () =>
  recordBackupMetrics({ directory, name: 'shop' }, await readSettings({ directory }), (message) =>
    warnings.push(message),
  );
const textfile = () => join(directory, 'monitoring/textfile');
const file = () => join(textfile(), 'invctl-shop.prom');

async function backup(name: string, takenAt: string, level: number) {
  await mkdir(join(directory, 'backups'), { recursive: true });
  await writeFile(join(directory, 'backups', name), 'x');
  const manifest = { bytes: 4096, takenAt, verification: { level } };
  await writeFile(join(directory, 'backups', `${name}.manifest.json`), JSON.stringify(manifest));
}

describe('the metrics of backups', () => {
  it('are those of the newest verified one, readable for nobody, whole at every moment', async () => {
    await mkdir(textfile(), { recursive: true });
    await backup('a.dump', '2026-01-01T00:00:00.000Z', 2);
    await backup('b.dump', '2026-01-02T00:00:00.000Z', 1);
    await backup('unproved.dump', '2026-01-03T00:00:00.000Z', 0);
    await writeFile(join(directory, 'invctl.yaml'), 'backup: { maxAgeHours: 12 }\n');
    await record();
    const lines = (await readFile(file(), 'utf8'))
      .split('\n')
      .filter((line) => line && !line.startsWith('#'));
    expect(lines).toEqual([
      'invctl_backup_taken_timestamp_seconds{project="shop"} 1767312000',
      'invctl_backup_verification_level{project="shop"} 1',
      'invctl_backup_size_bytes{project="shop"} 4096',
      'invctl_backup_max_age_seconds{project="shop"} 43200',
    ]);
    expect((await stat(file())).mode & 0o777).toBe(0o644);
    // Written by a rename: who reads it has the old file or the new one, and no other is left.
    const before = (await stat(file())).ino;
    await record();
    expect((await stat(file())).ino).not.toBe(before);
    expect(await readdir(textfile())).toEqual(['invctl-shop.prom']);
  });

  it('go with the last backup, and are written nowhere without monitoring', async () => {
    await backup('a.dump', '2026-01-01T00:00:00.000Z', 1);
    await record();
    expect(await readdir(directory)).toEqual(['backups']);
    await mkdir(textfile(), { recursive: true });
    await record();
    expect(await readdir(textfile())).toEqual(['invctl-shop.prom']);
    await rm(join(directory, 'backups'), { recursive: true });
    await record();
    expect(await readdir(textfile())).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('that cannot be written are a warning, and no backup fails by it', async () => {
    await backup('a.dump', '2026-01-01T00:00:00.000Z', 1);
    // Not even root writes over a folder.
    await mkdir(join(file(), 'in-the-way'), { recursive: true });
    await record();
    expect(warnings).toEqual([expect.stringContaining('Prometheus is not told of this backup')]);
  });
});
