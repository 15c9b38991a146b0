import type { Command } from 'commander';
import { declare, type Handle } from '../../cli/command.js';
import { usageError } from '../../errors.js';
import { installSchedule, renderSchedule } from '../../services/database/schedule.js';

interface ScheduleFlags {
  at: string;
  cron?: boolean;
  install?: boolean;
}

export function define(group: Command, handle: Handle): void {
  const command = declare(
    group,
    'schedule',
    'a daily backup, proved and copied away, and the removal of old ones',
    ['invctl db schedule', 'invctl db schedule --at 03:15 --install', 'invctl db schedule --cron --install'],
  )
    .option('--at <time>', 'hour and minute', '02:30')
    .option('--cron', 'a line for crontab in place of a systemd timer')
    .option('--install', 'write the systemd units, or the line, where they belong');
  handle<ScheduleFlags>(command, async (context, { options }) => {
    const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(options.at) ?? [];
    if (hour === undefined) throw usageError(`--at "${options.at}" is no time of day`, '--at 02:30');
    const files = await renderSchedule(context, {
      at: { hour: Number(hour), minute: Number(minute) },
      format: options.cron ? 'cron' : 'systemd',
      program: [process.execPath, process.argv[1] as string],
    });
    if (!options.install) {
      const text = files
        .map(({ name, content }) => (options.cron ? content : `# ${name}\n${content}`))
        .join('\n');
      return { data: { files }, text };
    }
    const installed = await installSchedule(context, files);
    return {
      data: { files, installed: installed.files, enable: installed.enable },
      text: [
        ...installed.files.map((path) => `wrote ${path}`),
        ...(installed.enable === null ? [] : [`switch it on:  ${installed.enable}`]),
      ].join('\n'),
    };
  });
}
