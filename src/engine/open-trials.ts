import type { Engine } from './engine.js';
import type { TrialDependencies, Trials } from './trials.js';

/** @param engine the engine that the project runs on. */
export async function openTrials(engine: Engine, dependencies: TrialDependencies): Promise<Trials> {
  if (engine.kind === 'docker') {
    const { createComposeTrials } = await import('./compose/trial.js');
    return createComposeTrials(engine, dependencies);
  }
  const { createEmbeddedTrials } = await import('./embedded/trial.js');
  return createEmbeddedTrials(dependencies);
}
