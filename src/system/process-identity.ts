import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { hasErrorCode } from '../errors.js';

/**
 * A process that can be told from a later one with the same id: the id alone is reused, and after a reboot it
 * means nothing.
 */
export interface ProcessIdentity {
  pid: number;
  /** On Linux the boot's id and the start time in clock ticks after it; elsewhere what `ps -o lstart=` prints. */
  start: string;
}

/** The identity of a living process, or undefined when there is none of that id (see {@link startIn}). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  if (process.platform === 'linux') {
    try {
      const start = startIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      if (start === undefined) return undefined;
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      return { pid, start: `${boot}/${start}` };
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT', 'ESRCH')) return undefined;
      throw error;
    }
  }
  try {
    const start = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return start ? { pid, start } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The start time in the text of a `/proc/PID/stat` (proc(5)), in clock ticks; undefined for a process that has ended
 * and waits for its parent. One whose first thread has ended, while others are on their way, reads as a zombie too:
 * they still hold its ports and files.
 */
export function startIn(stat: string): string | undefined {
  // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, threads] = [fields[0], Number(fields[17])];
  if (state === 'X' || (state === 'Z' && threads <= 1)) return undefined;
  return fields[19];
}

/** Whether this very process still lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.start === identity.start;
}
