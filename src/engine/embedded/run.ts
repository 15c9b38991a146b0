import type { ComposeProject } from '../../project/model.js';
import type { ProcessRunner } from '../../system/process.js';
import type { Installation } from './installation.js';
import type { VariableLookup } from './secrets.js';
import type { StateStore } from './state.js';

/** One call of the engine that changes a project: the project, what is known of it, and the tools. */
export interface EngineRun {
  project: ComposeProject;
  store: StateStore;
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  lookup: VariableLookup;
  signal: AbortSignal;
  trial?: TrialRun;
}

/** Another server tried with a project, beside the project itself. */
export interface TrialRun {
  /** Its packages run as they are built: the live project's processes run in the same folders. */
  project: ComposeProject;
  /** What its database runs on, whatever else this machine has. */
  server: Installation;
  /** Where its database's data lies; absent: in a volume of its own. */
  dataFolder?: string;
}
