import type { ComposeService } from '../project/model.js';
import { serverPassword } from '../project/secret-file.js';
import { postgresImage } from './image.js';

/** Settings that a PostgreSQL image takes from its environment when it initialises a data folder. */
export interface ImageSettings {
  /** The role that has the project's password. */
  user: string;
  /** The superuser. The official image makes `user` the superuser. */
  superuser: string;
  /** The database that it creates for the user. */
  database: string;
  /** Absent: none is set, or its file cannot be read. Never to be printed. */
  password?: string;
  /** True: everybody can connect without a password. */
  trust: boolean;
  /** More arguments for initdb. */
  initdbArguments: string[];
  /** Folder for the data, if a variable names one. */
  dataDirectory?: string;
  /** Port of the server in the container; undefined if a settings file of the project may change it. */
  port?: number;
  /** Names of the `_FILE` variables that are set and whose files could not be read. */
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

/** Returns the names of the variables of a service's image, by their meaning. */
function variableNames(service: ComposeService): Names {
  return postgresImage(service.image)?.interface === 'bitnami' ? BITNAMI : OFFICIAL;
}

/**
 * Reads the settings from a service's environment as the image's entrypoint does. Each variable may be set as
 * `…_FILE` instead; final line feeds of the file are cut off (`$(< file)`). An empty value counts as unset.
 * By default the user is `postgres` and the database has the user's name.
 * @param read returns the content of a file in the container; undefined if it is unknown
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

/**
 * Returns the name of the variable with this meaning, `…_FILE` included: the one that is set, otherwise the
 * usual one.
 */
export function variableOf(service: ComposeService, what: 'user' | 'password' | 'database'): string {
  const names = variableNames(service)[what];
  const both = names.flatMap((name) => [name, `${name}_FILE`]);
  return both.find((name) => service.environment[name]) ?? (names[0] as string);
}

/** Returns variables that are set both as themselves and as `…_FILE`; the image then exits at once. */
export function variablesSetTwice(service: ComposeService): string[] {
  const { user, database, password, initdbArguments } = variableNames(service);
  return [...password, ...user, ...database, ...initdbArguments].filter(
    (name) => service.environment[name] && service.environment[`${name}_FILE`],
  );
}

/** Returns the server's port. `-p 5433` or `-c port=5433` of the command overrides the variable. */
function serverPort(service: ComposeService, variable: string | undefined): number | undefined {
  const command = (service.command ?? []).join(' ');
  const argument =
    /(?:^|\s)(?:-p\s*|--port[= ])(\d+)/.exec(command)?.[1] ??
    /(?:^|\s)(?:-c\s*|--)port\s*=\s*(\d+)/.exec(command)?.[1];
  if (argument !== undefined) return Number(argument);
  // A settings file may set any port.
  const ownSettings =
    /config_file/.test(command) ||
    service.mounts.some(({ target }) => /\.conf$|^\/etc\/postgres|\/conf(\.d)?$/.test(target));
  if (ownSettings || (service.entrypoint && service.entrypoint.length > 0)) return undefined;
  return variable !== undefined && /^\d+$/.test(variable) ? Number(variable) : DEFAULT_PORT;
}
