import { basename } from 'node:path';
import type { Command } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import { usageError } from '../../errors.js';
import { count } from '../../output/units.js';
import { prune } from '../../services/database/prune.js';

interface PruneFlags {
  daily?: string;
  weekly?: string;
  monthly?: string;
  dryRun?: boolean;
}

export function define(group: Command, handle: Handle): void {
  const command = declare(group, 'prune', 'remove old backups, keeping some of each day, week and month', [
    'invctl db prune --dry-run',
    'invctl db prune --daily 14 --monthly 12',
  ])
    .option('--daily <count>', 'days to keep one of (default: 7, or invctl.yaml)')
    .option('--weekly <count>', 'weeks to keep one of (default: 4, or invctl.yaml)')
    .option('--monthly <count>', 'months to keep one of (default: 6, or invctl.yaml)')
    .option('--dry-run', 'say what would go, and remove nothing');
  handle<PruneFlags>(command, async (context, { options }) => {
    const policy = Object.fromEntries(
      (['daily', 'weekly', 'monthly'] as const).flatMap((name) => {
        const text = options[name];
        if (text === undefined) return [];
        if (!/^\d+$/.test(text)) throw usageError(`--${name} "${text}" is no count`, `--${name} 7`);
        return [[name, Number(text)]];
      }),
    );
    const dryRun = options.dryRun ?? false;
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
  });
}
