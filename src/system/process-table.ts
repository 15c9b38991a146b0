import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hasErrorCode } from '../errors.js';

/** What to look for; a process matches if any one of the given fields does. */
export interface ProcessMatch {
  /**
   * `NAME=value` in the environment with which the process was started. In most containers not even root can
   * read that of another user's process.
   */
  environment?: string;
  /** One whole argument. Every user can read those of every process. */
  argument?: string;
  /** Absolute working directory. Known only on Linux; elsewhere it matches nothing. */
  workingDirectory?: string;
}

export interface FoundProcess {
  pid: number;
  parent: number;
  /** Process group. */
  group: number;
}

/** Returns the living processes that match and that we may inspect, without our own. */
export function findProcesses(match: ProcessMatch): FoundProcess[] {
  const found = process.platform === 'linux' ? findInProc(match) : findWithPs(match);
  return found.filter(({ pid }) => pid !== process.pid);
}

/**
 * Returns the argument vector of a process as one line, or undefined if it has ended or is hidden from us.
 */
export function commandLine(pid: number): string | undefined {
  if (process.platform === 'linux') {
    return read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim());
  }
  return read(() => execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim());
}

/**
 * Returns the environment with which a living process was started. Undefined if it has ended or is hidden
 * from us, and on systems without /proc, because the output of `ps` does not show where a value ends.
 */
export function startEnvironment(pid: number): Record<string, string> | undefined {
  const text = read(() => readFileSync(`/proc/${pid}/environ`, 'utf8'));
  const entries = text?.split('\0').filter((entry) => entry.includes('='));
  return (
    entries &&
    Object.fromEntries(
      entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
    )
  );
}

function findInProc(match: ProcessMatch): FoundProcess[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    const stat = read(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
    const [state, parent, group] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
    if (state === undefined || state === 'Z' || state === 'X' || !matches(pid, match)) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group) }];
  });
}

function matches(pid: string, { environment, argument, workingDirectory }: ProcessMatch): boolean {
  const list = (name: string) => read(() => readFileSync(`/proc/${pid}/${name}`, 'utf8'))?.split('\0') ?? [];
  if (argument && list('cmdline').includes(argument)) return true;
  if (workingDirectory && read(() => readlinkSync(`/proc/${pid}/cwd`)) === workingDirectory) return true;
  return environment !== undefined && list('environ').includes(environment);
}

function findWithPs({ environment, argument }: ProcessMatch): FoundProcess[] {
  const wanted = [environment, argument].filter((text) => text !== undefined);
  return execFileSync('ps', ['-axEww', '-o', 'pid=,ppid=,pgid=,command='], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
    .split('\n')
    .filter((line) => wanted.some((text) => `${line} `.includes(` ${text} `)))
    .map((line) => {
      const [pid, parent, group] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), group: Number(group) };
    });
}

function read<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    // Processes start and end in the meantime, and those of other users are hidden. `ps` reports both by its
    // exit status.
    if (hasErrorCode(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined;
    if (error instanceof Error && 'status' in error) return undefined;
    throw error;
  }
}
