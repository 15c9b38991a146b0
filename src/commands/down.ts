import { command } from '../cli/command.js';
import { flag, text } from '../cli/parameters.js';
import { count, formatDuration } from '../output/units.js';
import { type DownResult, down, volumesAtStake } from '../services/down.js';

export default command({
  summary: 'stop and remove the services; the data stays',
  examples: ['invctl down', 'invctl down --volumes --confirm shop      # the data too, after a backup'],
  flags: {
    volumes: flag('remove the named volumes as well: the data is lost'),
    confirm: text('project', "the project's name, as a confirmation that its data may go"),
    noBackup: flag('with --volumes: take no backup first'),
  },
  data: (z) =>
    z.object({
      project: z.string(),
      removed: z.array(z.string()).describe('services'),
      volumesRemoved: z.array(z.string()),
      backup: z.string().optional().describe('file of the backup taken before'),
    }),
  async run(context, { flags }) {
    const project = context.project().name;
    if (flags.volumes) {
      const volumes = await volumesAtStake(context);
      if (volumes.length > 0) {
        await context.prompts.confirmDataLoss({
          what: `this removes ${count(volumes.length, 'volume')} (${volumes.join(', ')}) and all data in ${volumes.length === 1 ? 'it' : 'them'}`,
          project,
          confirmed: flags.confirm,
        });
      }
    }
    const progress = await context.output.progress();
    const started = Date.now();
    progress.set('down', 'working', () => `${project}  stopping  ${formatDuration(Date.now() - started)}`);
    let result: DownResult;
    try {
      result = await down(context, { volumes: flags.volumes, backup: !flags.noBackup });
      progress.set('down', 'done', `${project}  stopped  ${formatDuration(Date.now() - started)}`);
    } finally {
      progress.stop();
    }
    const { style } = context.output;
    const lines = [
      result.removed.length === 0
        ? `${style.bold(project)} was not up`
        : `${style.bold(project)} is down: ${result.removed.join(', ')} removed`,
      ...(result.backup ? [`backup: ${result.backup}`] : []),
      volumesLine(result, flags.volumes),
    ];
    return { data: { ...result }, text: lines.join('\n') };
  },
});

function volumesLine({ volumesRemoved }: DownResult, wanted: boolean): string {
  if (!wanted) return 'the data stays in its volumes';
  return volumesRemoved.length > 0
    ? `volumes removed: ${volumesRemoved.join(', ')}`
    : 'it has no volumes: there was nothing to remove';
}
