import { basename } from 'node:path';
import type { Command } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import { table } from '../../output/table.js';
import { formatBytes, formatDuration } from '../../output/units.js';
import { backups } from '../../services/database/list.js';

const LEVEL_WORDS = ['hash', 'read', 'restored', 'content'];

export function define(group: Command, handle: Handle): void {
  const command = declare(group, 'list', 'the backups, newest first', [
    'invctl db list',
    'invctl db list --json | jq -r ".data.backups[0].file"',
  ]);
  handle(command, async (context) => {
    const { backups: found, copyTo } = await backups(context);
    const now = Date.now();
    return {
      data: {
        backups: found.map((backup) => ({ ...backup, level: backup.manifest.verification.level })),
        copyTo,
      },
      text:
        found.length === 0
          ? 'no backups; take one with: invctl db backup'
          : table(
              [
                'BACKUP',
                'AGE',
                'SIZE',
                'VERIFIED',
                'POSTGRES',
                'TABLES',
                'ROWS',
                ...(copyTo ? ['WHERE'] : []),
              ],
              found.map(({ file, manifest, here, copy }) => [
                basename(file),
                formatDuration(Math.max(0, now - Date.parse(manifest.takenAt))),
                formatBytes(manifest.bytes),
                `${manifest.verification.level} ${LEVEL_WORDS[manifest.verification.level]}`,
                manifest.server.version.split(' ')[0] as string,
                String(manifest.tables.length),
                manifest.tables.reduce((sum, { rows }) => sum + rows, 0).toLocaleString('en'),
                ...(copyTo ? [[...(here ? ['here'] : []), ...(copy ? ['away'] : [])].join(', ')] : []),
              ]),
            ),
    };
  });
}
