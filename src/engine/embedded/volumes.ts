import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { VolumeStatus } from '../engine.js';
import type { EmbeddedContext } from './context.js';
import { dataFolderOf } from './database.js';
import type { StateStore } from './state.js';

/** Returns the data folders of the project's databases. */
export async function volumes(context: EmbeddedContext, location: ProjectLocation): Promise<VolumeStatus[]> {
  const store = await context.open(location);
  const found: VolumeStatus[] = [];
  for (const [folder, { key, name, service }] of Object.entries(store.state.volumes)) {
    const mountpoint = join(store.folders.volumes, folder);
    const created = await stat(mountpoint).catch(() => undefined);
    if (!created) continue;
    const used = isInUse(store, service, mountpoint);
    found.push({
      ...(key === undefined ? {} : { key }),
      name,
      driver: 'local',
      mountpoint,
      bytes: await bytesIn(mountpoint),
      createdAt: created.birthtime.toISOString(),
      services: used ? [service] : [],
      unused: !used,
    });
  }
  return found;
}

/** @throws UserError UNKNOWN_VOLUME, VOLUME_IN_USE */
export async function removeVolume(
  context: EmbeddedContext,
  location: ProjectLocation,
  name: string,
): Promise<void> {
  await context.changing(location, 'volume rm', async (store) => {
    const found = Object.entries(store.state.volumes).find(
      ([folder, volume]) => volume.name === name || folder === name,
    );
    if (!found) {
      throw new UserError({
        code: 'UNKNOWN_VOLUME',
        message: `there is no volume ${name}`,
        hint: 'invctl volume ls',
      });
    }
    const [folder, { service }] = found;
    if (isInUse(store, service, join(store.folders.volumes, folder))) {
      throw new UserError({
        code: 'VOLUME_IN_USE',
        message: `the volume ${name} is in use by the service "${service}"`,
        hint: 'invctl down',
      });
    }
    await rm(join(store.folders.volumes, folder), { recursive: true, force: true });
    delete store.state.volumes[folder];
    await store.save();
  });
}

function isInUse(store: StateStore, service: string, folder: string): boolean {
  return store.state.services[service]?.launch !== undefined && dataFolderOf(store, service) === folder;
}

/** Returns the bytes that the files of a folder take on disk. */
async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    // A running server may remove some of its files in the meantime.
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    bytes += (found?.blocks ?? 0) * 512;
  }
  return bytes;
}
