import type { Command } from 'commander';
import { declare, type Handle } from '../cli/command.js';
import { count, formatDuration } from '../output/units.js';
import { type DownResult, down, volumesAtStake } from '../services/down.js';

interface DownFlags {
  volumes?: boolean;
  confirm?: string;
  backup: boolean;
}

export function define(program: Command, handle: Handle): void {
  const command = declare(program, 'down', 'stop and remove the services; the data stays', [
    'invctl down',
    'invctl down --volumes --confirm shop      # the data too, after a backup',
  ])
    .option('--volumes', 'remove the named volumes as well: the data is lost')
    .option('--confirm <project>', "the project's name, as a confirmation that its data may go")
    .option('--no-backup', 'with --volumes: take no backup first');
  handle<DownFlags>(command, async (context, { options }) => {
    const project = context.project().name;
    if (options.volumes) {
      const volumes = await volumesAtStake(context);
      if (volumes.length > 0) {
        await context.prompts.confirmDataLoss({
          what: `this removes ${count(volumes.length, 'volume')} (${volumes.join(', ')}) and all data in ${volumes.length === 1 ? 'it' : 'them'}`,
          project,
          confirmed: options.confirm,
        });
      }
    }
    const progress = await context.output.progress();
    const started = Date.now();
    progress.set('down', 'working', () => `${project}  stopping  ${formatDuration(Date.now() - started)}`);
    let result: DownResult;
    try {
      result = await down(context, { volumes: options.volumes ?? false, backup: options.backup });
      progress.set('down', 'done', `${project}  stopped  ${formatDuration(Date.now() - started)}`);
    } finally {
      progress.stop();
    }
    const { style } = context.output;
    const text = [
      result.removed.length === 0
        ? `${style.bold(project)} was not up`
        : `${style.bold(project)} is down: ${result.removed.join(', ')} removed`,
      ...(result.backup ? [`backup: ${result.backup}`] : []),
      volumesLine(result, options.volumes ?? false),
    ];
    return { data: { ...result }, text: text.join('\n') };
  });
}

function volumesLine({ volumesRemoved }: DownResult, wanted: boolean): string {
  if (!wanted) return 'the data stays in its volumes';
  return volumesRemoved.length > 0
    ? `volumes removed: ${volumesRemoved.join(', ')}`
    : 'it has no volumes: there was nothing to remove';
}
