import { type Facts, type FactsInput, gatherFacts } from '../doctor/facts.js';
import type { Engine } from '../engine/engine.js';
import { settingsIn } from '../project/present-settings.js';
import type { ServiceContext } from './context.js';

/**
 * The doctor's facts about a project whose engine is known and whose files the engine has accepted, so that
 * they contain no problem.
 *
 * @param services those to examine; absent: all.
 */
export async function engineFacts(
  context: ServiceContext,
  engine: Engine,
  services?: ReadonlySet<string>,
): Promise<Facts> {
  return factsOfValidFiles(context, {
    choice: engine.kind,
    running: engine,
    ...(services ? { services } : {}),
  });
}

/** The doctor's facts about a project whose files were accepted. */
export async function factsOfValidFiles(
  context: ServiceContext,
  how: Pick<FactsInput, 'choice' | 'running' | 'services' | 'absent'>,
): Promise<Facts> {
  const location = context.project();
  const { env, processes, signal } = context;
  const settings = await settingsIn(location);
  return gatherFacts({ location, problems: [], env, processes, settings, signal, ...how });
}
