import { basename } from 'node:path';
import { command } from '../../cli/command.js';
import { table } from '../../output/table.js';
import { formatBytes, formatDuration } from '../../output/units.js';
import { backups } from '../../services/database/list.js';
import { manifest, verificationLevel } from './shapes.js';

const LEVEL_WORDS = ['hash', 'read', 'restored', 'content'];

export default command({
  summary: 'the backups, newest first',
  examples: ['invctl db list', 'invctl db list --json | jq -r ".data.backups[0].file"'],
  data: (z) =>
    z.object({
      backups: z.array(
        z.object({
          file: z.string().describe('absolute path; of one that is away only, the address of its copy'),
          manifest: manifest(z),
          level: verificationLevel(z),
          here: z.boolean().describe('on this disk'),
          copy: z.string().nullable().describe('address of its copy'),
        }),
      ),
      copyTo: z.string().nullable().describe('where copies go; null: nowhere, or it does not answer'),
    }),
  async run(context) {
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
  },
});
