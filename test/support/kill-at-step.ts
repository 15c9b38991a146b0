import { fileURLToPath } from 'node:url';

const preload = fileURLToPath(new URL('kill-at-step.cjs', import.meta.url));

/** The environment of a CLI that ends by SIGKILL when it comes to a step of its journal, as by a power cut. */
export function killedAt(step: string, when: 'before' | 'after'): Record<string, string> {
  return { NODE_OPTIONS: `--require=${JSON.stringify(preload)}`, KILL_AT_STEP: step, KILL_WHEN: when };
}
