import { basename } from 'node:path';
import { command } from '../../cli/command.js';
import { flag, number } from '../../cli/parameters.js';
import { count } from '../../output/units.js';
import { prune } from '../../services/database/prune.js';
import { backupFile } from './shapes.js';

export default command({
  summary: 'remove old backups, keeping some of each day, week and month',
  examples: ['invctl db prune --dry-run', 'invctl db prune --daily 14 --monthly 12'],
  flags: {
    daily: number('days', 'days to keep one of', { whole: true, otherwise: '7, or invctl.yaml' }),
    weekly: number('weeks', 'weeks to keep one of', { whole: true, otherwise: '4, or invctl.yaml' }),
    monthly: number('months', 'months to keep one of', { whole: true, otherwise: '6, or invctl.yaml' }),
    dryRun: flag('list what would be removed, and remove nothing'),
  },
  data: (z) =>
    z.object({
      dryRun: z.boolean(),
      kept: z.array(backupFile(z)),
      removed: z.array(backupFile(z)),
      copies: z
        .object({ kept: z.array(z.string()), removed: z.array(z.string()) })
        .optional()
        .describe('addresses; where there is a place for copies'),
    }),
  async run(context, { flags: { dryRun, ...counts } }) {
    const policy = Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== undefined));
    const { kept, removed, copies } = await prune(context, { policy, dryRun });
    const gone = (name: string) => `${dryRun ? 'would remove' : 'removed'} ${name}`;
    const lines = [
      ...removed.map(({ file }) => gone(basename(file))),
      ...(copies?.removed.map(gone) ?? []),
      `${count(kept.length, 'backup')} kept${copies ? `, and ${count(copies.kept.length, 'copy', 'copies')}` : ''}`,
    ];
    return {
      data: {
        dryRun,
        kept: kept.map(({ file }) => file),
        removed: removed.map(({ file }) => file),
        ...(copies ? { copies } : {}),
      },
      text: lines.join('\n'),
    };
  },
});
