import { command } from '../../cli/command.js';
import { flag, parsed } from '../../cli/parameters.js';
import { usageError } from '../../errors.js';
import { installSchedule, renderSchedule } from '../../services/database/schedule.js';

const DEFAULT_TIME = { hour: 2, minute: 30 };

export default command({
  summary: 'a daily backup, verified and copied, and the removal of old ones',
  examples: [
    'invctl db schedule',
    'invctl db schedule --at 03:15 --install',
    'invctl db schedule --cron --install',
  ],
  flags: {
    at: parsed('time', 'hour and minute', timeOfDay, { otherwise: '02:30' }),
    cron: flag('a line for crontab in place of a systemd timer'),
    install: flag('write the systemd units, or the line, where they belong'),
  },
  data: (z) =>
    z.object({
      files: z.array(z.object({ name: z.string(), content: z.string() })),
      installed: z.array(z.string()).optional().describe('paths of units, or crontab'),
      enable: z
        .string()
        .nullable()
        .optional()
        .describe('the command that switches the timer on; null: nothing is left to do'),
    }),
  async run(context, { flags: { at = DEFAULT_TIME, cron, install } }) {
    const files = await renderSchedule(context, {
      at,
      format: cron ? 'cron' : 'systemd',
      program: [process.execPath, process.argv[1] as string],
    });
    if (!install) {
      const text = files.map(({ name, content }) => (cron ? content : `# ${name}\n${content}`)).join('\n');
      return { data: { files }, text };
    }
    const installed = await installSchedule(context, files);
    return {
      data: { files, installed: installed.files, enable: installed.enable },
      text: [
        ...installed.files.map((path) => `wrote ${path}`),
        ...(installed.enable === null
          ? []
          : [
              `${installed.runsHere ? 'switch it on' : 'where systemd runs, switch it on'}:  ${installed.enable}`,
            ]),
      ].join('\n'),
    };
  },
});

function timeOfDay(word: string, name: string): { hour: number; minute: number } {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(word) ?? [];
  if (hour === undefined) throw usageError(`${name} "${word}" is not a time of day`, `${name} 02:30`);
  return { hour: Number(hour), minute: Number(minute) };
}
