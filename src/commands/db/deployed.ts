import type { Context } from '../../cli/context.js';
import { flag } from '../../cli/parameters.js';
import { type UserError, usageError } from '../../errors.js';
import type { ServiceContext } from '../../services/context.js';
import type { DeployedPlace } from '../../services/deploy/deployed-place.js';

export const deployedFlag = flag(
  'of the database in the Swarm or the cluster that the project is deployed to',
);

/** The project whose database a command is about: this machine's, or with `--deployed` the one that is deployed. */
export async function databaseContext(context: Context, deployed: boolean): Promise<ServiceContext> {
  if (!deployed) return context;
  const { inDeployed } = await import('../../services/deploy/deployed-project.js');
  return inDeployed(context);
}

/** A database that is deployed is not protected, so no moment of it can be brought back. */
export function onlyHere(command: string): UserError {
  return usageError(
    `${command} brings back a moment of the database of this machine`,
    'invctl db list --deployed      (the backups of the one that is deployed)',
  );
}

/** The place of that database, for an operation with a journal. */
export async function databasePlace(context: Context, deployed: boolean): Promise<DeployedPlace> {
  if (!deployed) return {};
  const { deployedPlace } = await import('../../services/deploy/deployed-project.js');
  return deployedPlace(context);
}
