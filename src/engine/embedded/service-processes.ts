import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmbeddedService } from './classify.js';
import { dataFolderOf } from './database.js';
import { type ServiceProcesses, STOP_POSTGRES, STOP_SERVICE, type StopSequence } from './launch.js';
import type { StateStore } from './state.js';

/** Returns how to find the processes of a service. */
export function serviceProcesses(store: StateStore, service: string): ServiceProcesses {
  const dataFolder = dataFolderOf(store, service);
  return {
    folders: store.folders,
    service,
    record: store.state.services[service],
    ...(dataFolder === undefined ? {} : { dataFolder }),
  };
}

export function stopSequence(kind: EmbeddedService['kind']): StopSequence {
  return kind === 'postgres' ? STOP_POSTGRES : STOP_SERVICE;
}

/**
 * Removes the launch of a service that no longer runs from the state, as if its container were removed. Its
 * port and its build stay.
 */
export async function forgetLaunch(store: StateStore, name: string): Promise<void> {
  const record = store.state.services[name];
  if (!record) return;
  delete record.launch;
  if (record.server) await rm(record.server.socketFolder, { recursive: true, force: true });
  await rm(join(store.folders.secrets, name), { recursive: true, force: true });
}
