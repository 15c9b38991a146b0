import type { Forward } from '../../engine/engine.js';
import { type Database, findDatabase } from '../../postgres/database.js';
import { imageSettings, variableOf } from '../../postgres/image-variables.js';
import { hostPath, mountedText } from '../../project/mounted-file.js';
import { insideProject } from '../../project/paths.js';
import { Secret } from '../../system/secret.js';
import type { ServiceContext } from '../context.js';

const DEFAULT_PORT = 5432;

export interface DatabaseUrl {
  /** Address without the password. */
  url: string;
  /** Address with the password, if it is known. */
  whole: Secret | undefined;
  host: string;
  port: number;
  user: string;
  database: string;
  /** Where the password is stored, as shown to a person. */
  password: string;
  /** The forward behind the address; `close` ends it and every connection. */
  forward: Forward;
}

/**
 * Opens an address on this machine's loopback at which a client reaches the project's database.
 * @param port of this machine; absent: any that is free. The embedded engine's server has its own.
 * @throws UserError of `findDatabase`, SERVICE_NOT_RUNNING, FORWARD_FAILED, PORT_IN_USE
 */
export async function databaseUrl(context: ServiceContext, port?: number): Promise<DatabaseUrl> {
  const engine = await context.engine();
  const database = await findDatabase(engine, context.project());
  const { location, project, service, user, name } = database;
  const settings = imageSettings(service, (path) => mountedText(project, service, path));
  const forward = await engine.forward(location, service.name, {
    target: settings.port ?? DEFAULT_PORT,
    ...(port === undefined ? {} : { port }),
  });
  const address = (login: string) =>
    `postgresql://${login}@${forward.host}:${forward.port}/${encodeURIComponent(name)}`;
  const login = encodeURIComponent(user);
  return {
    url: address(login),
    whole:
      settings.password === undefined
        ? undefined
        : new Secret(address(`${login}:${encodeURIComponent(settings.password)}`)),
    host: forward.host,
    port: forward.port,
    user,
    database: name,
    password: passwordPlace(database),
    forward,
  };
}

/**
 * Where the password of the database's user is stored, as shown to a person: a file relative to the project,
 * or a variable.
 */
export function passwordPlace({ location, project, service }: Database): string {
  const variable = variableOf(service, 'password');
  const value = service.environment[variable];
  if (!value) return 'none is set';
  if (!variable.endsWith('_FILE')) return `${variable} of "${service.name}" (invctl env explain ${variable})`;
  const file = hostPath(project, service, value);
  if (file === undefined) return `${value} in the container of "${service.name}"`;
  return insideProject(location.directory, file);
}
