import type { ServiceDetails } from '../engine/engine.js';
import { maskData } from '../project/secret-values.js';
import { assertServices } from './choose-services.js';
import { secretsOfProject } from './config.js';
import type { ServiceContext } from './context.js';

/**
 * What the engine reports about the containers (processes) of a service, the values of secrets redacted.
 * @throws UserError UNKNOWN_SERVICE (exit 2), SERVICE_NOT_RUNNING
 */
export async function inspectService(context: ServiceContext, service: string): Promise<ServiceDetails[]> {
  const location = context.project();
  const engine = await context.engine();
  const project = await engine.resolve(location);
  assertServices(project, [service]);
  return maskData(await engine.inspect(location, service), secretsOfProject(context, project));
}
