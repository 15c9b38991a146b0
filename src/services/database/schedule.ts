import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { protectionPlace, readRecord } from '../../backup/protection/place.js';
import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import { readSettings } from '../../project/settings-file.js';
import { outputTail, shellWord } from '../../system/argv.js';
import { explainFileError, writeFileAtomic } from '../../system/files.js';
import type { ServiceContext } from '../context.js';

export interface ScheduleInput {
  /** Hour and minute of the day, local time. */
  at: { hour: number; minute: number };
  format: 'systemd' | 'cron';
  /** How invctl is started: Node and the script, and the engine where a flag names it. */
  program: readonly string[];
  /** Of the database that is deployed; the project is the one that {@link inDeployed} returns. */
  deployed?: boolean;
  /** Variables of this shell that lead to the engine or the cluster, which the job has none of. */
  variables?: Readonly<Record<string, string>>;
}

export interface ScheduledFile {
  /** File name of a systemd unit, or `crontab` for a line of one. */
  name: string;
  content: string;
}

/**
 * Plans the daily work: a backup that is verified by restoring it, the missing copies if there is a place for
 * them, then the removal of old backups. An encrypted backup is restored when invctl.yaml names the identity,
 * and otherwise only read whole. When the project is protected, the last moment is restored as a trial each
 * day, and what is received is copied all the time. (The receiver takes base backups by itself.)
 *
 * @throws UserError CONFIG_INVALID (exit 4)
 */
export async function renderSchedule(
  context: ServiceContext,
  input: ScheduleInput,
): Promise<ScheduledFile[]> {
  const location = context.project();
  const { name, directory, environment } = location;
  const settings = await readSettings(location);
  const { encryptTo, identity, copyTo } = settings.backup;
  const isProtected =
    !input.deployed && (await readRecord(protectionPlace(location, settings))) !== undefined;
  const credentials = ['AWS_ACCESS_KEY_ID', 'AWS_PROFILE'].find((variable) => context.env[variable]);
  if (typeof copyTo === 'object' && credentials) {
    context.warn(
      `${credentials} is set in this shell, and the scheduled backup will not have it: put the bucket's credentials into the default profile of ~/.aws, or give the machine a role`,
    );
  }
  if (location.host?.remote && context.env.SSH_AUTH_SOCK) {
    context.warn(
      'the ssh agent of this shell will not be there: let ~/.ssh/config name a key without a passphrase for that machine',
    );
  }
  const chosen = environment ? ['--environment', environment.name] : [];
  const program = [...input.program, '-C', directory, ...chosen];
  const level = encryptTo && identity === undefined ? '1' : '2';
  const there = input.deployed ? ['--deployed'] : [];
  const inDatabase = (words: readonly string[]) => [...program, 'db', ...words, ...there, '--quiet'];
  const steps = [
    ['backup', '--level', level],
    ...(copyTo === undefined ? [] : [['copy']]),
    ['prune'],
    ...(isProtected ? [['verify', '--to', 'latest']] : []),
  ].map(inDatabase);
  const follow = isProtected && copyTo !== undefined ? inDatabase(['copy', '--follow']) : undefined;
  const { hour, minute } = input.at;
  const place = jobName(location);
  // cron's own PATH has only /usr/bin and /bin. A unit of the system has no HOME, where kubectl looks.
  const variables = Object.entries({
    PATH: context.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
    ...input.variables,
  });
  if (input.format === 'cron') {
    const path = `export ${variables.map(([key, value]) => `${key}=${shellWord(value)}`).join(' ')}`;
    const run = steps.map((words) => `${words.map(shellWord).join(' ')} >/dev/null`);
    // cron turns a bare % into a line end.
    const line = (when: string, commands: readonly string[]) =>
      `${when} ${[path, ...commands].join(' && ').replaceAll('%', '\\%')} ${mark(place)}\n`;
    // Started every minute; it ends at once when another one is running.
    const following = follow && line('* * * * *', [`${follow.map(shellWord).join(' ')} >/dev/null 2>&1`]);
    return [{ name: 'crontab', content: `${line(`${minute} ${hour} * * *`, run)}${following ?? ''}` }];
  }
  const environmentLine = `Environment=${variables.map(([key, value]) => systemdWord(`${key}=${value}`)).join(' ')}`;
  const unit = `invctl-backup-${place}`;
  const time = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
  return [
    {
      name: `${unit}.service`,
      content: `[Unit]
Description=Backup of ${name}, proved, and the removal of old ones

[Service]
Type=oneshot
${environmentLine}
${steps.map((words) => `ExecStart=${systemdCommand(words)}`).join('\n')}
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
    ...(follow
      ? [{ name: `invctl-copy-${place}.service`, content: followUnit(name, environmentLine, follow) }]
      : []),
  ];
}

/** One for each database: that of another machine or of a cluster has its own beside the one here. */
function jobName({ name, environment, host }: ProjectLocation): string {
  const place = host && (host.stateName ?? environment?.name);
  return place === undefined ? name : `${name}-${place.replaceAll(/[^\w.-]+/g, '_')}`;
}

function followUnit(name: string, environmentLine: string, command: readonly string[]): string {
  return `[Unit]
Description=Copies of what is received of ${name}
After=network-online.target docker.service
Wants=network-online.target

[Service]
${environmentLine}
ExecStart=${systemdCommand(command)}
SuccessExitStatus=130 143
Restart=always
RestartSec=30
Nice=10

[Install]
WantedBy=default.target
`;
}

/**
 * Marks the end of a project's line, so that the next installation finds it. The shell that cron starts reads
 * it as a comment.
 */
function mark(job: string): string {
  return `# invctl ${job}`;
}

export interface InstalledSchedule {
  /** Absolute paths of units, or `crontab`. */
  files: string[];
  /** The command that enables the timer; null when nothing is left to do. */
  enable: string | null;
  /** False: they are units, and no systemd runs on this machine. */
  runsHere: boolean;
}

/** sd_booted(3) */
function systemdRuns(): boolean {
  return existsSync('/run/systemd/system');
}

/**
 * Installs the result of {@link renderSchedule}: units, or a line in this user's crontab that replaces an
 * earlier one.
 */
export async function installSchedule(
  context: ServiceContext,
  files: readonly ScheduledFile[],
): Promise<InstalledSchedule> {
  const [first] = files;
  if (first?.name === 'crontab') {
    await writeCrontab(context, first.content);
    return { files: ['crontab'], enable: null, runsHere: true };
  }
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
  const runsHere = systemdRuns();
  if (!runsHere) {
    context.warn(
      'systemd does not run on this machine, so nothing runs these units here: invctl db schedule --cron --install',
    );
  }
  const enabled = paths
    .filter((_, index) => files[index]?.content.includes('[Install]'))
    .map((path) => basename(path));
  const systemctl = root ? 'systemctl' : 'systemctl --user';
  return {
    files: paths,
    enable: `${systemctl} daemon-reload && ${systemctl} enable --now ${enabled.join(' ')}`,
    runsHere,
  };
}

/** @throws UserError NO_CRONTAB, CRONTAB_FAILED, CommandError of a crontab that refuses the line. */
async function writeCrontab({ processes, project, signal }: ServiceContext, lines: string): Promise<void> {
  const listed = await processes.run('crontab', ['-l'], { signal, allowFailure: true }).catch((error) => {
    if (!(error instanceof UserError) || error.code !== 'PROGRAM_NOT_FOUND') throw error;
    throw new UserError({
      code: 'NO_CRONTAB',
      message: 'this machine has no program crontab',
      hint: systemdRuns()
        ? 'install cron (Debian: apt-get install cron), or use a systemd timer: invctl db schedule --install'
        : 'apt-get install cron && service cron start      (Debian; systemd does not run here), then the same command again',
      cause: error,
    });
  });
  // The messages of cron, cronie and BusyBox for a user without a crontab. After any other failure there may
  // be a crontab, which must not be overwritten.
  if (listed.status !== 0 && !/no crontab|no such file/i.test(listed.stderr)) {
    throw new UserError({
      code: 'CRONTAB_FAILED',
      message: `the crontab cannot be read, so nothing was written:\n${outputTail(listed.stderr)}`,
      hint: 'crontab -l',
    });
  }
  const others = listed.stdout
    .split('\n')
    .filter((existing) => existing !== '' && !existing.endsWith(mark(jobName(project()))));
  await processes.run('crontab', ['-'], { signal, input: [...others, lines].join('\n') });
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
