import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceState } from '../engine/service-status.js';
import { ExitCode, UserError } from '../errors.js';
import type { World } from '../system/world.js';
import type { Database } from './database.js';

const POLL_MS = 200;
const HEALTH_TIMEOUT_MS = 120_000;

/** Returns the running services that depend on the database. */
async function runningClients(database: Database): Promise<string[]> {
  return clientsIn(database, ['running']);
}

async function clientsIn(
  { engine, location, project, service }: Database,
  states: readonly ServiceState[],
): Promise<string[]> {
  const statuses = await engine.status(location);
  return Object.values(project.services)
    .filter(({ dependsOn }) => service.name in dependsOn)
    .map(({ name }) => name)
    .filter((name) => statuses.some((status) => status.name === name && states.includes(status.state)));
}

/**
 * Returns the services that depend on the database and run or restart again and again, as they do without a
 * database.
 */
export async function strugglingClients(database: Database): Promise<string[]> {
  return clientsIn(database, ['running', 'restarting']);
}

/** Returns the database and the services that depend on it, if they run. */
export async function runningServices(database: Database): Promise<string[]> {
  const { engine, location, service } = database;
  const states = await engine.status(location);
  const runs = states.some(({ name, state }) => name === service.name && state === 'running');
  return [...(runs ? [service.name] : []), ...(await runningClients(database))];
}

/** Starts stopped services and waits until they are healthy; an interruption does not stop it. */
export async function startAgain(database: Database, services: readonly string[]): Promise<void> {
  if (services.length === 0) return;
  await database.engine.start(database.location, services);
  await waitUntilHealthy(database, services, 'invctl logs', new AbortController().signal);
}

/**
 * Restarts services and waits until each is healthy (or runs, if it declares no check).
 * @throws UserError NOT_HEALTHY (exit 6)
 */
export async function restartClients(
  context: World,
  database: Database,
  services: readonly string[],
  hint: string,
): Promise<void> {
  if (services.length === 0) return;
  try {
    await database.engine.restart(database.location, services);
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'NOT_HEALTHY') throw error;
    throw notHealthy((error.details?.services as string[] | undefined) ?? services, hint);
  }
  await waitUntilHealthy(database, services, hint, context.signal);
}

/** @throws UserError NOT_HEALTHY (exit 6) */
async function waitUntilHealthy(
  { engine, location }: Database,
  services: readonly string[],
  hint: string,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + HEALTH_TIMEOUT_MS;
  for (;;) {
    const statuses = await engine.status(location);
    const waiting = services.filter((name) => {
      const status = statuses.find((one) => one.name === name);
      return status?.state !== 'running' || !['healthy', 'none'].includes(status.health);
    });
    if (waiting.length === 0) return;
    if (Date.now() > deadline) throw notHealthy(waiting, hint);
    await sleep(POLL_MS, undefined, { signal });
  }
}

function notHealthy(services: readonly string[], hint: string): UserError {
  return new UserError({
    code: 'NOT_HEALTHY',
    message: `${services.join(', ')} did not become healthy on the database`,
    hint,
    exitCode: ExitCode.unhealthy,
    details: { services: [...services] },
  });
}
