import { basename } from 'node:path';
import { command } from '../../cli/command.js';
import { sayWindow } from '../../output/moments.js';
import { table } from '../../output/table.js';
import { count, formatBytes, formatDuration } from '../../output/units.js';
import { backups, type ListedProtection } from '../../services/database/list.js';
import { databaseContext, deployedFlag } from './deployed.js';
import { manifest, verificationLevel } from './shapes.js';

const LEVEL_WORDS = ['hash', 'read', 'restored', 'content'];

export default command({
  summary: 'the backups and the base backups, newest first',
  examples: ['invctl db list', 'invctl db list --json | jq -r ".data.backups[0].file"'],
  flags: { deployed: deployedFlag },
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
      protection: z
        .object({
          place: z.string().describe('absolute folder'),
          bases: z.array(
            z.object({
              id: z.string(),
              folder: z.string(),
              endedAt: z.string(),
              bytes: z.int(),
              parent: z
                .string()
                .nullable()
                .describe('holds the changes to that one alone; null: it is whole'),
            }),
          ),
          wal: z.object({ segments: z.int(), bytes: z.int() }),
          windows: z
            .array(z.object({ from: z.string().describe('ISO time'), until: z.string() }))
            .describe('of which every second can be brought back, oldest first'),
        })
        .optional()
        .describe('absent: nothing was ever protected here'),
      copyTo: z.string().nullable().describe('where copies go; null: nowhere, or it does not answer'),
    }),
  async run(context, { flags: { deployed } }) {
    const { backups: found, copyTo, protection } = await backups(await databaseContext(context, deployed));
    const now = new Date();
    return {
      data: {
        backups: found.map((backup) => ({ ...backup, level: backup.manifest.verification.level })),
        ...(protection ? { protection: inJson(protection) } : {}),
        copyTo,
      },
      text: [
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
                formatDuration(Math.max(0, now.getTime() - Date.parse(manifest.takenAt))),
                formatBytes(manifest.bytes),
                `${manifest.verification.level} ${LEVEL_WORDS[manifest.verification.level]}`,
                manifest.server.version.split(' ')[0] as string,
                String(manifest.tables.length),
                manifest.tables.reduce((sum, { rows }) => sum + rows, 0).toLocaleString('en'),
                ...(copyTo ? [[...(here ? ['here'] : []), ...(copy ? ['away'] : [])].join(', ')] : []),
              ]),
            ),
        ...(protection ? ['', describe(protection, now)] : []),
      ].join('\n'),
    };
  },
});

function inJson({ place, bases, wal, windows }: ListedProtection) {
  return {
    place,
    bases: bases.map(({ id, folder, endedAt, bytes, parent = null }) => ({
      id,
      folder,
      endedAt: endedAt.toISOString(),
      bytes,
      parent,
    })),
    wal,
    windows: windows.map(({ from, until }) => ({ from: from.toISOString(), until: until.toISOString() })),
  };
}

function describe({ bases, wal, windows }: ListedProtection, now: Date): string {
  if (bases.length === 0) return 'no base backup yet: invctl db protect status';
  return [
    table(
      ['BASE', 'AGE', 'SIZE', 'HOLDS'],
      bases.map(({ id, endedAt, bytes, parent }) => [
        id,
        formatDuration(Math.max(0, now.getTime() - endedAt.getTime())),
        formatBytes(bytes),
        parent === undefined ? 'everything' : `what changed since ${parent}`,
      ]),
    ),
    `with ${count(wal.segments, 'segment')} of WAL (${formatBytes(wal.bytes)}), every second can be brought back ${windows.map((window) => sayWindow(window, now)).join(', and ')}`,
  ].join('\n');
}
