import { type Facts, gatherFacts, settingsIn } from '../doctor/facts.js';
import type { Engine } from '../engine/engine.js';
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
  const location = context.project();
  return gatherFacts({
    location,
    problems: [],
    env: context.env,
    processes: context.processes,
    settings: await settingsIn(location),
    signal: context.signal,
    choice: engine.kind,
    running: engine,
    ...(services ? { services } : {}),
  });
}
