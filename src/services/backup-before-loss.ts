import type { Engine, VolumeStatus } from '../engine/engine.js';
import type { ServiceState } from '../engine/service-status.js';
import { UserError } from '../errors.js';
import { type Database, findDatabase } from '../postgres/database.js';
import { startDatabase } from '../postgres/start-database.js';
import type { ProjectLocation } from '../project/locate.js';
import type { ServiceContext } from './context.js';
import { backupToFile } from './database/backup.js';

/**
 * Takes a verified backup of the database before the volume that holds it is removed. The caller holds the
 * project's lock. A database that does not run is started for the backup and stopped again.
 *
 * @param volume the volume to be removed; absent: all of the project's.
 * @returns path of the backup; undefined when there is nothing to save: the volume is not the database's, or
 * there is no cluster in it.
 * @throws UserError BACKUP_FAILED naming `--no-backup`, so that nothing is removed; the interruption of the
 * caller.
 */
export async function backupBeforeLoss(
  context: ServiceContext,
  engine: Engine,
  location: ProjectLocation,
  volume?: VolumeStatus,
): Promise<string | undefined> {
  try {
    const database = await findDatabase(engine, location);
    const names = volumesOf(database);
    if (volume && !names.includes(volume.name)) return undefined;
    const existing = volume ? [volume] : await engine.volumes(location);
    if (!existing.some(({ name }) => names.includes(name))) return undefined;
    return await whileRunning(context, database, async () => {
      const { file } = await backupToFile(context, database, { level: 1 });
      return file;
    });
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    if (error.code === 'NO_DATABASE') return undefined;
    throw new UserError({
      code: 'BACKUP_FAILED',
      message: `nothing was removed, because the backup before it failed: ${error.message}`,
      hint: `${error.hint ? `${error.hint}\n` : ''}or give up the data without a backup: the same command with --no-backup`,
      exitCode: error.exitCode,
      cause: error,
    });
  }
}

/** The engine's names of the volumes that the database's service mounts. */
function volumesOf({ project, service }: Database): string[] {
  return service.mounts.flatMap(({ type, source }) => {
    const volume = type === 'volume' && source !== undefined ? project.volumes[source] : undefined;
    return volume ? [volume.name] : [];
  });
}

async function whileRunning<T>(
  context: ServiceContext,
  database: Database,
  body: () => Promise<T>,
): Promise<T | undefined> {
  const { engine, location, service } = database;
  const before = await stateOf(database);
  if (before === 'running') return body();
  if (!(await holdsCluster(database))) return undefined;
  try {
    await startDatabase(context, database);
    return await body();
  } finally {
    if (before === 'absent') await engine.remove(location, [service.name], { stop: true });
    else await engine.stop(location, [service.name]);
  }
}

async function stateOf({ engine, location, service }: Database): Promise<ServiceState> {
  const found = (await engine.status(location)).find(({ name }) => name === service.name);
  return found?.state ?? 'absent';
}

/**
 * Whether the data folder of a stopped server was ever initialised. Starting the server would initialise it.
 */
async function holdsCluster({ engine, location, service }: Database): Promise<boolean> {
  const status = await engine.run(location, service.name, ['sh', '-c', 'test -s "$PGDATA/PG_VERSION"'], {
    stdin: 'ignore',
  });
  return status === 0;
}
