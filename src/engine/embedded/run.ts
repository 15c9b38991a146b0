import type { ComposeProject } from '../../project/model.js';
import type { ProcessRunner } from '../../system/process.js';
import type { Installation } from './installation.js';
import type { VariableLookup } from './secrets.js';
import type { StateStore } from './state.js';

/** One call of the engine that changes a project: the project, its state, and the tools. */
export interface EngineRun {
  project: ComposeProject;
  store: StateStore;
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  lookup: VariableLookup;
  signal: AbortSignal;
  trial?: TrialRun;
}

/** A project with another server, run as a trial beside the project itself. */
export interface TrialRun {
  /**
   * Its packages run as they are already built, because the live project's processes run in the same folders.
   */
  project: ComposeProject;
  /** The server for its database, whichever others this machine has. */
  server: Installation;
  /** Folder of its database's data; absent: in a volume of its own. */
  dataFolder?: string;
}
