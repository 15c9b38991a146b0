import type { ServiceStatus } from '../engine/service-status.js';

/** Meaning of a container's exit statuses (Docker and POSIX shells). */
const EXIT_CODES: Record<number, string> = {
  1: 'the program failed',
  2: 'the program was used wrongly',
  126: 'its command is not executable',
  127: 'its command was not found in the image',
  134: 'aborted (SIGABRT)',
  137: 'killed (SIGKILL): out of memory, or it did not stop in time',
  139: 'crashed (SIGSEGV)',
  143: 'ended by SIGTERM',
};

/** `"db" exited with 1 (the program failed)`. */
export function stateInWords({ name, state, health, exitCode, restarts }: ServiceStatus): string {
  if (state === 'exited' || state === 'dead') {
    const meaning = exitCode === undefined ? undefined : EXIT_CODES[exitCode];
    return `"${name}" exited${exitCode === undefined ? '' : ` with ${exitCode}`}${meaning ? ` (${meaning})` : ''}`;
  }
  if (state === 'restarting') {
    return `"${name}" keeps crashing and was restarted ${restarts} times`;
  }
  if (health === 'unhealthy') return `"${name}" runs, but its health check fails`;
  return `"${name}" is ${state}`;
}
