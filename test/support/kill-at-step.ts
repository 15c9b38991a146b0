import { fileURLToPath } from 'node:url';

const preload = fileURLToPath(new URL('kill-at-step.cjs', import.meta.url));

const NODE_OPTIONS = `--require=${JSON.stringify(preload)}`;

type When = 'before' | 'after';

/** The environment of a CLI that ends by SIGKILL when it comes to a step of its journal, as by a power cut. */
export function killedAt(step: string, when: When): Record<string, string> {
  return signalledAt(step, when, 'SIGKILL');
}

/** The environment of a CLI that gets a Ctrl-C when it comes to a step of its journal. */
export function interruptedAt(step: string): Record<string, string> {
  return signalledAt(step, 'after', 'SIGINT');
}

/** The environment of a CLI that stops at a step of its journal until it gets a SIGCONT. */
export function stoppedAt(step: string): Record<string, string> {
  return signalledAt(step, 'after', 'SIGSTOP');
}

/** The environment of a CLI that ends by SIGKILL once it has renamed something from or to a path with this part. */
export function killedAfterRename(part: string): Record<string, string> {
  return { NODE_OPTIONS, KILL_AFTER_RENAME: part };
}

function signalledAt(step: string, when: When, signal: NodeJS.Signals): Record<string, string> {
  return {
    NODE_OPTIONS,
    KILL_AT_STEP: step,
    KILL_WHEN: when,
    KILL_SIGNAL: signal,
  };
}
