import type { ProcessRunner } from './process.js';

/** What code of any floor may know of the world. */
export interface World {
  /** Absolute folder that `-C` names, or the working directory. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  readonly processes: ProcessRunner;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Something the person should know that is no failure; ends up on stderr and in the JSON envelope's `warnings`. */
  warn(message: string): void;
}
