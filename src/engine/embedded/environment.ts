import { delimiter, dirname } from 'node:path';
import type { ComposeService } from '../../project/model.js';

/** Variables that a program takes from the machine; all others come from the compose file. */
const MACHINE_NAMES = ['HOME', 'USER', 'TMPDIR'];

export interface Surroundings {
  /** Our own environment. */
  env: NodeJS.ProcessEnv;
  /** Folder that replaces `/run/secrets`. */
  secretsFolder: string;
  /** Path in the container → path here, for each granted secret. */
  secretPaths: ReadonlyMap<string, string>;
  /** Database service → its port on 127.0.0.1. */
  databasePorts: ReadonlyMap<string, number>;
  /** Port of this machine on which the service must listen. */
  port?: number;
}

/**
 * Returns the environment of a service's process: what its container would get, with the container's
 * addresses and paths replaced by those of this machine.
 * - `*HOST*` = a database service becomes 127.0.0.1, and the `*PORT*` of the same name its port
 * - host and port of a `postgres://` URL are replaced in the same way
 * - `/run/secrets` becomes the service's private folder, which `SECRETS_DIR` also names
 * - `PORT` is the published port, `HOST` is 127.0.0.1
 */
export function processEnvironment(service: ComposeService, world: Surroundings): Record<string, string> {
  const environment: Record<string, string> = machineEnvironment(world.env);
  const ports: Record<string, string> = {};
  for (const [name, value] of Object.entries(service.environment)) {
    if (value === null) {
      delete environment[name];
      continue;
    }
    const databasePort = /HOST/i.test(name) ? world.databasePorts.get(value) : undefined;
    if (databasePort !== undefined) {
      environment[name] = '127.0.0.1';
      ports[portName(name)] = String(databasePort);
      continue;
    }
    environment[name] = moveSecretPath(moveDatabaseUrl(value, world.databasePorts), world);
  }
  return {
    ...environment,
    ...ports,
    SECRETS_DIR: world.secretsFolder,
    ...(world.port === undefined ? {} : { PORT: String(world.port), HOST: '127.0.0.1' }),
  };
}

/**
 * Returns the variables that any program needs on this machine, and the time zone of a container that sets
 * none.
 */
export function machineEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = MACHINE_NAMES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  // The service and its npm use the same Node as we do.
  const path = [dirname(process.execPath), ...(env.PATH ? [env.PATH] : [])].join(delimiter);
  return { PATH: path, TZ: 'UTC', ...Object.fromEntries(kept) };
}

/**
 * Makes options for the process runner, which adds to our own environment: the process gets these variables
 * and none of ours.
 */
export function onlyEnvironment(
  environment: Record<string, string>,
  ours: NodeJS.ProcessEnv,
): Record<string, string | undefined> {
  return { ...Object.fromEntries(Object.keys(ours).map((name) => [name, undefined])), ...environment };
}

/** `DATABASE_HOST` → `DATABASE_PORT`, `PGHOST` → `PGPORT`, `db_hostname` → `db_port`. */
function portName(hostName: string): string {
  return hostName.replace(/HOST(?:NAME)?/, 'PORT').replace(/host(?:name)?/i, 'port');
}

function moveDatabaseUrl(value: string, databasePorts: ReadonlyMap<string, number>): string {
  return value.replace(
    /^(postgres(?:ql)?:\/\/(?:[^@/?#\s]*@)?)([^:/?#\s]+)(?::\d+)?(?=[/?#]|$)/i,
    (whole, start: string, host: string) => {
      const port = databasePorts.get(host);
      return port === undefined ? whole : `${start}127.0.0.1:${port}`;
    },
  );
}

function moveSecretPath(value: string, { secretsFolder, secretPaths }: Surroundings): string {
  const moved = secretPaths.get(value);
  if (moved !== undefined) return moved;
  return value === '/run/secrets' || value.startsWith('/run/secrets/')
    ? secretsFolder + value.slice('/run/secrets'.length)
    : value;
}
