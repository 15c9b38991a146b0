import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { EmbeddedContext } from './context.js';
import { endService, isRunning } from './launch.js';
import { removeLogs } from './log-files.js';
import { forgetLaunch, serviceProcesses, stopSequence } from './service-processes.js';
import type { ServiceRecord, StateStore } from './state.js';
import { bringUp } from './up.js';

/** How long `start` waits for the dependencies of other services, in milliseconds. */
const START_TIMEOUT_MS = 120_000;

/** See `Engine.down`. */
export async function down(
  { changing }: EmbeddedContext,
  location: ProjectLocation,
  { volumes }: { volumes: boolean },
): Promise<void> {
  await changing(location, 'down', async (store) => {
    const names = Object.keys(store.state.services);
    await end(store, names);
    await forget(store, names);
    if (volumes || Object.keys(store.state.volumes).length === 0) await store.destroy();
  });
}

export async function stop(
  { changing }: EmbeddedContext,
  location: ProjectLocation,
  services: readonly string[],
): Promise<void> {
  await changing(location, 'stop', (store) => end(store, launched(store, services)));
}

/** @throws UserError SERVICE_NOT_CREATED */
export async function start(
  context: EmbeddedContext,
  location: ProjectLocation,
  services: readonly string[],
): Promise<void> {
  await context.changing(location, 'start', (store) =>
    startAgain(context, location, store, services.length > 0 ? services : launched(store, [])),
  );
}

/** @throws UserError SERVICE_NOT_CREATED */
export async function restart(
  context: EmbeddedContext,
  location: ProjectLocation,
  services: readonly string[],
): Promise<void> {
  await context.changing(location, 'restart', async (store) => {
    const names = services.length > 0 ? services : launched(store, []);
    await end(store, launched(store, services));
    await startAgain(context, location, store, names);
  });
}

/** See `Engine.remove`. */
export async function remove(
  { changing }: EmbeddedContext,
  location: ProjectLocation,
  services: readonly string[],
  options: { stop: boolean },
): Promise<void> {
  await changing(location, 'rm', async (store) => {
    const names = launched(store, services);
    if (options.stop) await end(store, names);
    const ended = names.filter((name) => !isRunning(store.state.services[name]));
    await forget(store, ended);
  });
}

/** Returns the services that have or had a process; the last started comes first. */
function launched(store: StateStore, services: readonly string[]): string[] {
  return Object.entries(store.state.services)
    .filter(([name, { launch }]) => launch && (services.length === 0 || services.includes(name)))
    .sort(([, a], [, b]) => (b.launch?.startedAt ?? '').localeCompare(a.launch?.startedAt ?? ''))
    .map(([name]) => name);
}

async function end(store: StateStore, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const { kind } = store.state.services[name] as ServiceRecord;
    await endService(serviceProcesses(store, name), stopSequence(kind));
  }
}

async function startAgain(
  context: EmbeddedContext,
  location: ProjectLocation,
  store: StateStore,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    if (store.state.services[name]?.launch) continue;
    throw new UserError({
      code: 'SERVICE_NOT_CREATED',
      message: `the service "${name}" was never started, or was removed`,
      hint: `invctl up ${name}`,
    });
  }
  await bringUp(await context.engineRun(location, store), {
    wanted: new Set(names.filter((name) => !isRunning(store.state.services[name]))),
    wait: false,
    timeoutMs: START_TIMEOUT_MS,
    onEvent: () => {},
  });
}

async function forget(store: StateStore, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await forgetLaunch(store, name);
    await removeLogs(store.folders.logs, name);
  }
  await store.save();
}
