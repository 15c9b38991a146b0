import type { ProcessRunner } from './process.js';

/** The parts of the surroundings that code in every room may use. */
export interface World {
  /** Absolute folder of `-C`, or the working directory. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  readonly processes: ProcessRunner;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /**
   * Reports something that the user should know and that is not a failure: to stderr and in the JSON
   * envelope's `warnings`.
   */
  warn(message: string): void;
}
