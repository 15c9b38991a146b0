import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { hasErrorCode } from '../errors.js';

/** What to look for. Both given: either is enough. */
export interface ProcessMatch {
  /** `NAME=value` in the environment that the process was started with. */
  environment?: string;
  /** Absolute working directory. Known on Linux only; elsewhere it matches nothing. */
  workingDirectory?: string;
}

/** Ids of the living processes that match, as far as we may look into them. Our own is left out. */
export function findProcesses(match: ProcessMatch): number[] {
  const found = process.platform === 'linux' ? findInProc(match) : findWithPs(match);
  return found.filter((pid) => pid !== process.pid);
}

/** The argument vector of a process as one line, or undefined when it is gone or hidden from us. */
export function commandLine(pid: number): string | undefined {
  if (process.platform === 'linux') {
    return read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim());
  }
  return read(() => execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).trim());
}

function findInProc(match: ProcessMatch): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const state = read(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
      if (state === undefined || /\) [ZX] /.test(state)) return false;
      if (match.workingDirectory) {
        const folder = read(() => readlinkSync(`/proc/${pid}/cwd`));
        if (folder === match.workingDirectory) return true;
      }
      if (!match.environment) return false;
      const environment = read(() => readFileSync(`/proc/${pid}/environ`, 'utf8'));
      return environment?.split('\0').includes(match.environment) ?? false;
    })
    .map(Number);
}

function findWithPs(match: ProcessMatch): number[] {
  if (!match.environment) return [];
  const wanted = ` ${match.environment} `;
  return execFileSync('ps', ['-axEww', '-o', 'pid=,command='], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
    .split('\n')
    .filter((line) => `${line} `.includes(wanted))
    .map((line) => Number.parseInt(line, 10));
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
