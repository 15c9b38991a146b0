import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import type { ServiceContext } from '../context.js';

const SAME = 'the same command with --deployed';

/** A command as it was typed, and whether it has `--deployed`. */
export interface TypedCommand {
  /** `db restore`. */
  name: string;
  takesDeployed: boolean;
}

/**
 * What to say before a command works on the database of this machine, if the project is deployed to a cluster, which
 * has another one. Undefined where there is nothing to say: a Swarm and Compose never run the database at the
 * same time.
 */
export async function otherDatabase(
  context: ServiceContext,
  { name, takesDeployed }: TypedCommand,
): Promise<string | undefined> {
  if (!/^(?:db|secrets rotate)\b/.test(name)) return undefined;
  const location = context.project();
  // Most projects have no such file, and these commands have to start fast.
  if (!existsSync(join(location.stateFolder, 'cluster.json'))) return undefined;
  const { rememberedCluster } = await import('./deployed-record.js');
  const cluster = await rememberedCluster(location);
  if (!cluster) return undefined;
  const { placeOf } = await import('./cluster-project.js');
  const there = placeOf(cluster);
  if (name === 'secrets rotate') {
    return `this rotates on this machine; the database in ${there} keeps its password, and its services would get the new file with the next deployment. There: invctl secrets rotate --deployed`;
  }
  const other = takesDeployed ? SAME : 'invctl db psql --deployed';
  return `this is the database of this machine; for the one in ${there}: ${other}`;
}

/**
 * Explains that a service does not run on the engine itself where the project is deployed: the next step is not to
 * start it here, beside the one that is meant. Other errors are returned unchanged.
 */
export async function explainDeployed(
  context: ServiceContext,
  { name, takesDeployed }: TypedCommand,
  error: UserError,
): Promise<UserError> {
  // These have looked where the project is deployed.
  if (error.code !== 'SERVICE_NOT_RUNNING' || /^(?:deploy|recover)\b/.test(name)) return error;
  const { knownPlace } = await import('./deployed-project.js');
  const { placeWords } = await import('./deployed-place.js');
  const project = context.project().name;
  let where: string;
  let ofSwarm: boolean;
  try {
    const place = await knownPlace(context);
    if (!place) return error;
    where = placeWords(place, project) ?? '';
    ofSwarm = place.swarm === true;
  } catch (failure) {
    if (failure instanceof UserError) return error;
    throw failure;
  }
  const next = takesDeployed
    ? SAME
    : name.startsWith('db ')
      ? 'invctl db psql --deployed'
      : 'invctl ps      (what runs there, and its logs)';
  const here = ofSwarm || !error.hint ? '' : `\nto work here, beside it: ${error.hint}`;
  return new UserError({
    code: error.code,
    message: `${error.message} on this machine: ${project} is deployed in ${where}`,
    hint: `${next}${here}`,
    exitCode: error.exitCode,
    ...(error.details ? { details: error.details } : {}),
    cause: error,
  });
}
