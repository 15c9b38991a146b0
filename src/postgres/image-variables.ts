import type { ComposeService } from '../project/model.js';
import { serverPassword } from '../project/secret-file.js';
import { postgresImage } from './image.js';

/** What a PostgreSQL image makes of its environment when it initialises a data folder. */
export interface ImageSettings {
  /** The role that the project's password belongs to. */
  user: string;
  /** The role that may do everything. The official image makes `user` the superuser. */
  superuser: string;
  /** The database that it creates for the user. */
  database: string;
  /** Absent: none is given, or its file cannot be read. Never to be printed. */
  password?: string;
  /** Everybody is let in without a password. */
  trust: boolean;
  /** More arguments for initdb. */
  initdbArguments: string[];
  /** Where the data is to lie, where a variable says so. */
  dataDirectory?: string;
  /** Port of the server in the container; undefined where a settings file of the project's own may name another. */
  port?: number;
  /** Names of the `_FILE` variables that were set, and whose files nobody could read. */
  unreadable: string[];
}

interface Names {
  user: readonly string[];
  database: readonly string[];
  password: readonly string[];
  initdbArguments: readonly string[];
  dataDirectory: readonly string[];
  port: readonly string[];
}

// https://github.com/docker-library/docs/blob/master/postgres/README.md#environment-variables
const OFFICIAL: Names = {
  user: ['POSTGRES_USER'],
  database: ['POSTGRES_DB'],
  password: ['POSTGRES_PASSWORD'],
  initdbArguments: ['POSTGRES_INITDB_ARGS'],
  dataDirectory: ['PGDATA'],
  port: ['PGPORT'],
};

// https://github.com/bitnami/containers/tree/main/bitnami/postgresql#environment-variables
const BITNAMI: Names = {
  user: ['POSTGRESQL_USERNAME', 'POSTGRES_USER'],
  database: ['POSTGRESQL_DATABASE', 'POSTGRES_DB'],
  password: ['POSTGRESQL_PASSWORD', 'POSTGRES_PASSWORD'],
  initdbArguments: ['POSTGRESQL_INITDB_ARGS', 'POSTGRES_INITDB_ARGS'],
  dataDirectory: ['POSTGRESQL_DATA_DIR', 'PGDATA'],
  port: ['POSTGRESQL_PORT_NUMBER', 'POSTGRESQL_PORT'],
};

const SUPERUSER = 'postgres';
const DEFAULT_PORT = 5432;

/** The variables of a service's image, by what they say. */
function variableNames(service: ComposeService): Names {
  return postgresImage(service.image)?.interface === 'bitnami' ? BITNAMI : OFFICIAL;
}

/**
 * What the image's entrypoint makes of a service's environment. Each variable may be given as `…_FILE` in its place:
 * the file's final line feeds are cut off (`$(< file)`). An empty value counts as none. By default the user is
 * `postgres` and the database is called like the user.
 *
 * @param read content of a file in the container; undefined where nobody can say
 */
export function imageSettings(
  service: ComposeService,
  read: (path: string) => string | undefined,
): ImageSettings {
  const names = variableNames(service);
  const unreadable: string[] = [];
  const setting = (candidates: readonly string[]) => {
    for (const name of candidates) {
      const value = service.environment[name];
      if (value) return value;
      const path = service.environment[`${name}_FILE`];
      if (!path) continue;
      const text = read(path);
      if (text === undefined) unreadable.push(`${name}_FILE`);
      const content = text?.replace(/\n+$/, '');
      if (content) return content;
    }
    return undefined;
  };
  const user = setting(names.user) ?? SUPERUSER;
  const password = setting(names.password);
  const dataDirectory = setting(names.dataDirectory);
  const port = serverPort(service, setting(names.port));
  return {
    user,
    superuser: names === BITNAMI ? SUPERUSER : user,
    database: setting(names.database) ?? (names === BITNAMI ? SUPERUSER : user),
    ...(password === undefined ? {} : { password: serverPassword(password) }),
    trust: service.environment.POSTGRES_HOST_AUTH_METHOD === 'trust',
    initdbArguments: setting(names.initdbArguments)?.split(/\s+/).filter(Boolean) ?? [],
    ...(dataDirectory === undefined ? {} : { dataDirectory: dataDirectory.replace(/(?<=.)\/+$/, '') }),
    ...(port === undefined ? {} : { port }),
    unreadable,
  };
}

/** Name of the variable that says this to the image, `…_FILE` included: the one that is set, else the usual one. */
export function variableOf(service: ComposeService, what: 'user' | 'password' | 'database'): string {
  const names = variableNames(service)[what];
  const both = names.flatMap((name) => [name, `${name}_FILE`]);
  return both.find((name) => service.environment[name]) ?? (names[0] as string);
}

/** Variables that are set both as themselves and as `…_FILE`: the image then ends at once. */
export function variablesSetTwice(service: ComposeService): string[] {
  const { user, database, password, initdbArguments } = variableNames(service);
  return [...password, ...user, ...database, ...initdbArguments].filter(
    (name) => service.environment[name] && service.environment[`${name}_FILE`],
  );
}

/** `-p 5433`, `-c port=5433` of the command go before the variable. */
function serverPort(service: ComposeService, variable: string | undefined): number | undefined {
  const command = (service.command ?? []).join(' ');
  const argument =
    /(?:^|\s)(?:-p\s*|--port[= ])(\d+)/.exec(command)?.[1] ??
    /(?:^|\s)(?:-c\s*|--)port\s*=\s*(\d+)/.exec(command)?.[1];
  if (argument !== undefined) return Number(argument);
  // A settings file may say anything.
  const ownSettings =
    /config_file/.test(command) ||
    service.mounts.some(({ target }) => /\.conf$|^\/etc\/postgres|\/conf(\.d)?$/.test(target));
  if (ownSettings || (service.entrypoint && service.entrypoint.length > 0)) return undefined;
  return variable !== undefined && /^\d+$/.test(variable) ? Number(variable) : DEFAULT_PORT;
}
