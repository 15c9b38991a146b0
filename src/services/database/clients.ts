import { setTimeout as sleep } from 'node:timers/promises';
import { ExitCode, UserError } from '../../errors.js';
import type { ServiceContext } from '../context.js';
import type { Database } from './database.js';

const POLL_MS = 200;
const HEALTH_TIMEOUT_MS = 120_000;

/** Services that depend on the database and run. */
export async function runningClients({ engine, location, project, service }: Database): Promise<string[]> {
  const statuses = await engine.status(location);
  return Object.values(project.services)
    .filter(({ dependsOn }) => service.name in dependsOn)
    .map(({ name }) => name)
    .filter((name) => statuses.some((status) => status.name === name && status.state === 'running'));
}

/**
 * Restarts services and waits until each is healthy (running, where it declares no check).
 * @throws UserError NOT_HEALTHY (exit 6)
 */
export async function restartClients(
  context: ServiceContext,
  { engine, location }: Database,
  services: readonly string[],
  hint: string,
): Promise<void> {
  if (services.length === 0) return;
  await engine.restart(location, services);
  const deadline = Date.now() + HEALTH_TIMEOUT_MS;
  for (;;) {
    const statuses = await engine.status(location);
    const waiting = services.filter((name) => {
      const status = statuses.find((one) => one.name === name);
      return status?.state !== 'running' || !['healthy', 'none'].includes(status.health);
    });
    if (waiting.length === 0) return;
    if (Date.now() > deadline) {
      throw new UserError({
        code: 'NOT_HEALTHY',
        message: `${waiting.join(', ')} did not become healthy on the restored database`,
        hint,
        exitCode: ExitCode.unhealthy,
        details: { services: waiting },
      });
    }
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}
