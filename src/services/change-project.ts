import type { Engine } from '../engine/engine.js';
import type { ProjectLocation } from '../project/locate.js';
import { withProjectLock } from '../system/lock.js';
import { assertServices } from './choose-services.js';
import type { ServiceContext } from './context.js';

/**
 * Runs `change` on named services (none: all) while no other invctl changes the project.
 * @throws UserError UNKNOWN_SERVICE, PROJECT_LOCKED, and what `change` throws.
 */
export async function changeServices<T>(
  context: ServiceContext,
  command: string,
  services: readonly string[],
  change: (engine: Engine, location: ProjectLocation) => Promise<T>,
): Promise<T> {
  const location = context.project();
  const engine = await context.engine();
  if (services.length > 0) assertServices(await engine.resolve(location), services);
  return withProjectLock(location, { command: `invctl ${command}`, signal: context.signal }, () =>
    change(engine, location),
  );
}
