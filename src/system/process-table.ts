import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hasErrorCode } from '../errors.js';

/** What to look for; any one of those given is enough. */
export interface ProcessMatch {
  /**
   * `NAME=value` in the environment that the process was started with. Of another user's process not even root
   * may read it in most containers.
   */
  environment?: string;
  /** One argument, as a whole. Everybody may read those of everybody. */
  argument?: string;
  /** Absolute working directory. Known on Linux only; elsewhere it matches nothing. */
  workingDirectory?: string;
}

export interface FoundProcess {
  pid: number;
  parent: number;
  /** Process group. */
  group: number;
}

/** The living processes that match, as far as we may look into them. Our own is left out. */
export function findProcesses(match: ProcessMatch): FoundProcess[] {
  const found = process.platform === 'linux' ? findInProc(match) : findWithPs(match);
  return found.filter(({ pid }) => pid !== process.pid);
}

/** The argument vector of a process as one line, or undefined when it is gone or hidden from us. */
export function commandLine(pid: number): string | undefined {
  if (process.platform === 'linux') {
    return read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim());
  }
  return read(() => execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim());
}

/**
 * The environment that a living process was started with. Undefined where it is gone or hidden from us, and on
 * systems without /proc, whose `ps` does not tell where a value ends.
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
    // Processes come and go while we look, and those of other users are closed to us. `ps` reports both by status.
    if (hasErrorCode(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined;
    if (error instanceof Error && 'status' in error) return undefined;
    throw error;
  }
}
