import { ExitCode, UserError } from '../../errors.js';
import type { ProjectLocation } from '../../project/locate.js';
import type { Secret } from '../../system/secret.js';
import { databaseServices } from './classify.js';
import { type EmbeddedContext, notRunningError } from './context.js';
import { readDatabaseSettings } from './database-settings.js';
import { isRunning } from './launch.js';
import { readGrantedSecrets } from './secrets.js';

/** How to reach a running database of the project. */
export interface DatabaseConnection {
  host: string;
  port: number;
  user: string;
  database: string;
  /** Password that the compose file names now; the data may have been initialised with another one. */
  password: Secret | undefined;
  /** Folder of the local socket; the superuser needs no password over it. */
  socketFolder: string;
  /** Major of the running server. */
  serverMajor: number;
  /** Folder with psql, pg_dump and pg_restore, if this PostgreSQL has them. */
  clientPrograms?: string;
}

/** @throws UserError SERVICE_NOT_RUNNING, NO_DATABASE_SERVICE (exit 4) */
export async function connection(
  context: EmbeddedContext,
  location: ProjectLocation,
  name?: string,
): Promise<DatabaseConnection> {
  const project = await context.resolve(location);
  const database = databaseServices(project).find(
    ({ service }) => name === undefined || service.name === name,
  );
  if (!database) {
    throw new UserError({
      code: 'NO_DATABASE_SERVICE',
      message:
        name === undefined
          ? 'the project has no PostgreSQL service'
          : `"${name}" is not a PostgreSQL service`,
      exitCode: ExitCode.projectInvalid,
    });
  }
  const { service } = database;
  const store = await context.open(location);
  const record = store.state.services[service.name];
  const { server, port } = record ?? {};
  if (!server || port === undefined || !isRunning(record)) throw notRunningError(service.name);
  const clientPrograms = context.clientPrograms ?? (server.complete ? server.programs : undefined);
  const settings = readDatabaseSettings(
    service,
    await readGrantedSecrets(project, service, context.variables(location)),
  );
  return {
    host: '127.0.0.1',
    port,
    user: server.superuser,
    database: server.database,
    password: settings.password,
    socketFolder: server.socketFolder,
    serverMajor: Number.parseInt(server.version, 10),
    ...(clientPrograms === undefined ? {} : { clientPrograms }),
  };
}
