import type { Engine } from '../engine/engine.js';
import type { ProjectLocation } from '../project/locate.js';
import type { ProcessRunner } from '../system/process.js';

/** What a use case may know of the world. Built once, by `cli/context.ts`. */
export interface ServiceContext {
  /** Absolute folder that `-C` names, or the working directory. */
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  readonly processes: ProcessRunner;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Something the person should know that is no failure; ends up on stderr and in the JSON envelope's `warnings`. */
  warn(message: string): void;
  /** The project in `directory`. @throws UserError NO_PROJECT */
  project(): ProjectLocation;
  /** The engine that `--engine` names, or that answers. @throws UserError with exit code 3 */
  engine(): Promise<Engine>;
}
