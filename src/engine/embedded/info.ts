import type { ProjectLocation } from '../../project/locate.js';
import { stateRoot } from '../../system/state-root.js';
import type { EngineInfo } from '../engine.js';
import { databaseServices } from './classify.js';
import type { EmbeddedContext } from './context.js';
import { dataFolderOf } from './database.js';
import { findPostgres, installationNotices } from './find-postgres.js';
import { dataMajor } from './postgres.js';
import { findServerUser } from './server-user.js';

/** See `Engine.info`: the version is that of the PostgreSQL that the project would run on. */
export async function info(context: EmbeddedContext, location?: ProjectLocation): Promise<EngineInfo> {
  const { processes, env } = context;
  const user = await findServerUser(processes);
  const database = location && databaseServices(await context.resolve(location))[0];
  if (location && !database) return { kind: 'embedded', version: process.version, notices: [] };
  const store = location && (await context.open(location));
  const dataFolder = store && database && dataFolderOf(store, database.service.name);
  const existing = dataFolder === undefined ? undefined : dataMajor(dataFolder);
  const found = await findPostgres(
    {
      ...(database?.major === undefined ? {} : { major: database.major }),
      ...(existing === undefined ? {} : { dataMajor: existing }),
    },
    { processes, env, user, stateRoot: stateRoot(env) },
  );
  return { kind: 'embedded', version: found.version, notices: installationNotices(found, database?.major) };
}
