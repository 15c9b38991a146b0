import type { ComposeProject } from '../../project/model.js';
import type { ProcessRunner } from '../../system/process.js';
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
}
