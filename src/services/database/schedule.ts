import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { explainFileError, writeFileAtomic } from '../../system/files.js';
import type { ServiceContext } from '../context.js';

export interface ScheduleInput {
  /** Hour and minute of the day, local time. */
  at: { hour: number; minute: number };
  format: 'systemd' | 'cron';
  /** How invctl is started: Node and the script. */
  program: readonly string[];
}

export interface ScheduledFile {
  /** File name of a systemd unit, or `crontab` for a line of one. */
  name: string;
  content: string;
}

/** A backup that is proved by restoring it, then the removal of old ones, every day. */
export function renderSchedule(context: ServiceContext, input: ScheduleInput): ScheduledFile[] {
  const { name, directory } = context.project();
  const invctl = (...words: string[]) => [...input.program, '-C', directory, ...words];
  const backup = invctl('db', 'backup', '--level', '2', '--quiet');
  const prune = invctl('db', 'prune', '--quiet');
  const { hour, minute } = input.at;
  if (input.format === 'cron') {
    const words = (command: readonly string[]) => command.map(shellWord).join(' ');
    return [
      {
        name: 'crontab',
        // cron turns a bare % into a line end
        content: `${minute} ${hour} * * * ${`${words(backup)} >/dev/null && ${words(prune)} >/dev/null`.replaceAll('%', '\\%')}\n`,
      },
    ];
  }
  const unit = `invctl-backup-${name}`;
  const time = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
  return [
    {
      name: `${unit}.service`,
      content: `[Unit]
Description=Backup of ${name}, proved by restoring it

[Service]
Type=oneshot
Environment=${systemdWord(`PATH=${context.env.PATH ?? '/usr/local/bin:/usr/bin:/bin'}`)}
ExecStart=${systemdCommand(backup)}
ExecStart=${systemdCommand(prune)}
Nice=10
IOSchedulingClass=idle
`,
    },
    {
      name: `${unit}.timer`,
      content: `[Unit]
Description=Daily backup of ${name}

[Timer]
OnCalendar=*-*-* ${time}:00
Persistent=true

[Install]
WantedBy=timers.target
`,
    },
  ];
}

/**
 * Writes systemd units where this user's belong: /etc/systemd/system for root, the user's own folder otherwise.
 * @returns the files, and the command that switches the timer on.
 */
export async function installSchedule(
  context: ServiceContext,
  files: readonly ScheduledFile[],
): Promise<{ files: string[]; enable: string }> {
  const root = process.getuid?.() === 0;
  const folder = root
    ? '/etc/systemd/system'
    : join(context.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'systemd', 'user');
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw explainFileError(error, folder);
  }
  const paths = files.map(({ name }) => join(folder, name));
  for (const [index, { content }] of files.entries()) await writeFileAtomic(paths[index] as string, content);
  const timer = basename(paths.find((path) => path.endsWith('.timer')) ?? '');
  const systemctl = root ? 'systemctl' : 'systemctl --user';
  return { files: paths, enable: `${systemctl} daemon-reload && ${systemctl} enable --now ${timer}` };
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** systemd.syntax(7): double quotes with backslash escapes, `%` doubled. */
function systemdWord(word: string): string {
  const escaped = word.replaceAll('%', '%%');
  return /^[\w@%+=:,./$-]+$/.test(word)
    ? escaped
    : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** systemd.service(5): a command line, in which `$` begins a variable unless it is doubled. */
function systemdCommand(words: readonly string[]): string {
  return words.map((word) => systemdWord(word.replaceAll('$', '$$$$'))).join(' ');
}
