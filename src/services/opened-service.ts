import type { ServiceStatus } from '../engine/service-status.js';
import { appService } from '../project/service-roles.js';
import { readSettings } from '../project/settings-file.js';
import { assertServices } from './choose-services.js';
import type { ServiceContext } from './context.js';

/**
 * The service to open: the named one, else the app.
 * @throws UserError UNKNOWN_SERVICE, NO_APP, APP_UNDECIDED
 */
export async function openedService(
  context: ServiceContext,
  named: string | undefined,
): Promise<ServiceStatus> {
  const location = context.project();
  const engine = await context.engine();
  const project = await engine.resolve(location);
  if (named !== undefined) assertServices(project, [named]);
  const name = named ?? appService(project, (await readSettings(location)).services).name;
  const status = (await engine.status(location)).find((one) => one.name === name);
  return status ?? { name, state: 'absent', health: 'none', restarts: 0, ports: [] };
}
