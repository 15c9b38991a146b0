import { basename } from 'node:path';
import { command } from '../../cli/command.js';
import { flag, number } from '../../cli/parameters.js';
import { count, formatBytes } from '../../output/units.js';
import { type PruneResult, prune } from '../../services/database/prune.js';
import { databaseContext, deployedFlag } from './deployed.js';
import { backupFile } from './shapes.js';

export default command({
  summary: 'remove old backups, keeping some of each day, week and month',
  examples: ['invctl db prune --dry-run', 'invctl db prune --daily 14 --monthly 12'],
  flags: {
    daily: number('days', 'days to keep one of', { whole: true, otherwise: '7, or invctl.yaml' }),
    weekly: number('weeks', 'weeks to keep one of', { whole: true, otherwise: '4, or invctl.yaml' }),
    monthly: number('months', 'months to keep one of', { whole: true, otherwise: '6, or invctl.yaml' }),
    deployed: deployedFlag,
    dryRun: flag('list what would be removed, and remove nothing'),
  },
  data: (z) =>
    z.object({
      dryRun: z.boolean(),
      kept: z.array(backupFile(z)),
      removed: z.array(backupFile(z)),
      protection: z
        .object({
          bases: z.array(z.string()).describe('names of base backups that were removed'),
          segments: z.int().describe('of WAL that were removed'),
          earlier: z.array(z.string()).describe('folders of servers that an upgrade replaced'),
          bytes: z.int(),
          basesKept: z.int(),
        })
        .optional()
        .describe('what is older than `db protect on --keep`; absent: nothing was ever protected here'),
      copies: z
        .object({
          kept: z.array(z.string()),
          removed: z.array(z.string()),
          protection: z
            .array(z.string())
            .describe('names of files of base backups and WAL that were removed'),
        })
        .optional()
        .describe('addresses; where there is a place for copies'),
    }),
  async run(context, { flags: { dryRun, deployed, ...counts } }) {
    const policy = Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== undefined));
    const { kept, removed, copies, protection } = await prune(await databaseContext(context, deployed), {
      policy,
      dryRun,
      naming: (going) => {
        if (!dryRun) for (const name of namesOf(going)) context.output.note(`removing ${name}`);
      },
    });
    const gone = (name: string) => `${dryRun ? 'would remove' : 'removed'} ${name}`;
    const lines = [
      ...namesOf({ kept, removed, ...(protection ? { protection } : {}) }).map(gone),
      ...(copies?.removed.map(gone) ?? []),
      ...(copies && copies.protection.length > 0
        ? [gone(`${count(copies.protection.length, 'file')} of base backups and WAL among the copies`)]
        : []),
      `${count(kept.length, 'backup')} kept${copies ? `, and ${count(copies.kept.length, 'copy', 'copies')}` : ''}${protection ? `, and ${count(protection.basesKept, 'base backup')} with the WAL from there on` : ''}`,
    ];
    return {
      data: {
        dryRun,
        kept: kept.map(({ file }) => file),
        removed: removed.map(({ file }) => file),
        ...(protection
          ? {
              protection: {
                ...protection,
                bases: protection.bases.map(({ id }) => id),
                segments: protection.segments.length,
                earlier: protection.earlier.map(({ folder }) => folder),
              },
            }
          : {}),
        ...(copies ? { copies } : {}),
      },
      text: lines.join('\n'),
    };
  },
});

/** What is removed from this disk, as text for a person. */
function namesOf({ removed, protection }: PruneResult): string[] {
  const { bases = [], segments = [], earlier = [], bytes = 0 } = protection ?? {};
  const what = bases.map(({ id }) => `base backup ${id}`);
  for (const { folder, record } of earlier) {
    what.push(`what was received from PostgreSQL ${record.major ?? ''}, before an upgrade: ${folder}`);
  }
  if (segments.length > 0)
    what.push(`${count(segments.length, 'segment')} of WAL (${formatBytes(bytes)} together)`);
  return [...removed.map(({ file }) => basename(file)), ...what];
}
