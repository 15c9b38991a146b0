import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { hasErrorCode } from '../errors.js';

/**
 * Distinguishes a process from a later one with the same id: ids are reused, and have no meaning after a
 * reboot.
 */
export interface ProcessIdentity {
  pid: number;
  /**
   * On Linux the boot's id and the start time in clock ticks after it; elsewhere the output of `ps -o
   * lstart=`.
   */
  start: string;
}

/**
 * Returns the identity of a living process, or undefined if there is none with that id (see {@link startIn}).
 */
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
 * Returns the start time in the text of a `/proc/PID/stat` (proc(5)), in clock ticks; undefined for a process
 * that has ended and waits for its parent (a zombie). The state of a process whose first thread has ended
 * while others still run is also that of a zombie; it counts as alive, because these threads still hold its
 * ports and files.
 */
export function startIn(stat: string): string | undefined {
  // The second field is the program's name in parentheses, which may itself contain spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, threads] = [fields[0], Number(fields[17])];
  if (state === 'X' || (state === 'Z' && threads <= 1)) return undefined;
  return fields[19];
}

/** Whether exactly this process is still alive. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.start === identity.start;
}
