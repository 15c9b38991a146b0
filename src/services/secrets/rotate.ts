import type { Session } from '../../engine/database-access.js';
import type { Engine } from '../../engine/engine.js';
import { UserError } from '../../errors.js';
import { acceptsPassword } from '../../postgres/database.js';
import { openSession } from '../../postgres/open-session.js';
import { assertTakesWrites, lockDatabase } from '../../postgres/server-sessions.js';
import { readSecretFile } from '../../project/secret-file.js';
import { askProvider, providerCommand } from '../../project/secret-provider.js';
import { readSettings } from '../../project/settings-file.js';
import { withProjectLock } from '../../system/lock.js';
import { randomSecret } from '../../system/random-secret.js';
import type { Secret } from '../../system/secret.js';
import { timeId } from '../../system/time-id.js';
import type { ServiceContext } from '../context.js';
import { atPlace, type DeployedPlace, journaled } from '../deploy/deployed-place.js';
import { deployedPlace } from '../deploy/deployed-project.js';
import { assertRotatable } from '../deploy/k8s-rotation.js';
import { perform } from '../operation.js';
import { type FoundSecret, findSecret } from './find-secret.js';
import { runningAmong } from './holders.js';
import { type AdminStep, rotateAdminPassword } from './rotate-admin.js';
import { carryOut, openRotation, type RotationState, type RotationStep } from './rotation.js';
import { rotationOperation } from './rotation-operation.js';

const SECRET_BYTES = 32;

export interface RotateInput {
  /** Default: the database's password. */
  name: string | undefined;
  /** Rotate the secret in the project's stack in the Swarm, or wherever the project is deployed. */
  there: 'swarm' | 'deployed' | undefined;
  onStep?: (step: RotationStep | AdminStep | 'revert') => void;
}

export interface Rotated {
  secret: string;
  kind: FoundSecret['kind'];
  file: string;
  /** Services that were recreated and are healthy with the new value. */
  recreated: string[];
}

/**
 * Gives a secret a new value, random or from its provider, as one transaction: the database's role, the file,
 * and the services that hold it change together, or not at all.
 *
 * @throws UserError of {@link findSecret} and {@link askProvider}, SECRET_UNCHANGED, SERVICE_NOT_RUNNING,
 * PASSWORD_NOT_ASKED, SERVER_READ_ONLY, PROJECT_LOCKED and DATABASE_LOCKED (exit 9) before anything is
 * changed; ROTATION_REVERTED with the exit code of what failed.
 */
export async function rotateSecret(
  world: ServiceContext,
  { name, there, onStep }: RotateInput,
): Promise<Rotated> {
  const place = there === 'deployed' ? await deployedPlace(world) : { swarm: there === 'swarm' };
  // A Ctrl-C ends it between two steps: what talks to the orchestrator has to finish the step, or to take all back.
  const { signal } = new AbortController();
  const context = { ...atPlace({ ...world, signal }, place), signal: world.signal };
  const location = context.project();
  const engine = await context.engine();
  return withProjectLock(location, { command: 'invctl secrets rotate', signal: context.signal }, async () => {
    const secret = await findSecret(context, engine, name);
    const value = await newValue(context, secret);
    const { name: rotated, kind, file } = secret;
    if (kind === 'admin') {
      await rotateAdminPassword(context, secret, value, place, onStep);
      return { secret: rotated, kind, file, recreated: [] };
    }
    const state: RotationState = {
      secret: rotated,
      kind,
      file,
      services: await servicesToRecreate(context, engine, secret, place),
      ...journaled(place),
      reverting: false,
    };
    const id = timeId(new Date());
    const subject = openRotation(context, state, secret.database);
    const session = await openLocked(context, secret, id);
    const reverted = (error: unknown, step: RotationStep) => explainReverted(context, state, error, step);
    await perform(rotationOperation, context, { id, state, subject, onStep, reverted }, async (run) => {
      try {
        await carryOut(subject, secret, value, session, run);
      } finally {
        await session?.close();
      }
    });
    await warnOfUnproved(engine, context, state);
    warnOfNextDeployment(context, secret, place);
    return { secret: rotated, kind, file, recreated: state.services };
  });
}

/** In a cluster, one without pods as well: they would start with the old value. */
async function servicesToRecreate(
  context: ServiceContext,
  engine: Engine,
  { name, file, services, database }: FoundSecret,
  { cluster }: DeployedPlace,
): Promise<string[]> {
  if (!cluster) return runningAmong(engine, context.project(), services);
  return assertRotatable(context, cluster, { name, file, services, database: database?.service.name });
}

/** A random value, or the provider's current one. @throws UserError SECRET_UNCHANGED */
async function newValue(context: ServiceContext, { name, file }: FoundSecret): Promise<Secret> {
  const location = context.project();
  const provider = (await readSettings(location)).secrets[name];
  if (!provider) return randomSecret(SECRET_BYTES);
  const { processes, signal } = context;
  const value = await askProvider(name, provider, {
    processes,
    signal,
    directory: location.directory,
  });
  if (value.reveal() !== readSecretFile(file)) return value;
  throw new UserError({
    code: 'SECRET_UNCHANGED',
    message: `the provider of the secret ${name} gives the value that it has: ${providerCommand(provider)}`,
    hint: `change it there, then: invctl secrets rotate ${name}`,
  });
}

/** Opens a session that keeps every other invctl off the database; only for a database's password. */
async function openLocked(
  context: ServiceContext,
  { database }: FoundSecret,
  id: string,
): Promise<Session | undefined> {
  if (!database) return undefined;
  const options = { applicationName: `invctl secrets rotate ${id}`, signal: context.signal };
  const session = await openSession(database, options);
  try {
    await lockDatabase(session);
    await assertTakesWrites(session);
    await assertPasswordAsked(context, database);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Refuses a server that accepts any password, because no password can be verified there. */
async function assertPasswordAsked(
  context: ServiceContext,
  database: NonNullable<FoundSecret['database']>,
): Promise<void> {
  if (!(await acceptsPassword(database, randomSecret(16), context.signal))) return;
  throw new UserError({
    code: 'PASSWORD_NOT_ASKED',
    message: `the database lets ${database.user} in with any password (pg_hba.conf, or POSTGRES_HOST_AUTH_METHOD when it was initialised)`,
    hint: "write scram-sha-256 in place of trust into the data folder's pg_hba.conf, then: invctl db psql -- -c 'SELECT pg_reload_conf()'",
  });
}

/** @returns what to throw. */
function explainReverted(
  context: ServiceContext,
  { secret }: RotationState,
  error: unknown,
  step: RotationStep,
): unknown {
  if (!(error instanceof UserError)) {
    context.warn(`${secret} is as it was before`);
    return error;
  }
  return new UserError({
    code: 'ROTATION_REVERTED',
    message: `${secret} was not rotated, everything is as it was before: ${error.message}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    exitCode: error.exitCode,
    details: { reason: error.code, step },
    cause: error,
  });
}

async function warnOfUnproved(
  engine: Engine,
  context: ServiceContext,
  { secret, services }: RotationState,
): Promise<void> {
  if (services.length === 0) return;
  for (const { name, health } of await engine.status(context.project())) {
    if (health !== 'none' || !services.includes(name)) continue;
    context.warn(
      `${name} declares no health check: it runs, but that it works with the new ${secret} is not proved`,
    );
  }
}

/**
 * The database's pod has the Secret that it began with: another name of it would restart the database now, and a
 * deployment names the new one.
 */
function warnOfNextDeployment(
  { warn }: ServiceContext,
  { name, database }: FoundSecret,
  { cluster }: DeployedPlace,
): void {
  if (!cluster || !database) return;
  const { name: service } = database.service;
  warn(
    `"${service}" runs on with the Secret that it began with; the next \`invctl deploy k8s\` gives it that of the new ${name}, and starts its pod again, once`,
  );
}
