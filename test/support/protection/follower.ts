import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type CliResult, invctl } from '../cli.js';

/** `invctl db copy --follow` beside a test. */
export interface Follower {
  /** Ends it as a terminal does, and waits for its end. */
  end(signal?: NodeJS.Signals): Promise<CliResult>;
}

export function follow(directory: string, env: Record<string, string> = {}): Follower {
  let child: ChildProcess | undefined;
  const result = invctl(['db', 'copy', '--follow', '--every', '1'], {
    cwd: directory,
    env,
    onSpawn: (spawned) => {
      child = spawned;
    },
  });
  return {
    async end(signal = 'SIGINT') {
      if (child && child.exitCode === null && child.signalCode === null) {
        const closed = once(child, 'close');
        child.kill(signal);
        await closed;
      }
      return result;
    },
  };
}
