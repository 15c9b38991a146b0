import { ExitCode, UserError } from '../errors.js';
import { postgresImage } from '../postgres/image.js';
import type { ComposeProject, ComposeService } from './model.js';
import type { ProjectSettings } from './settings-file.js';
import { SETTINGS_FILE } from './settings-path.js';

type NamedServices = ProjectSettings['services'];

/** Variables of which the official entrypoint requires one before it initialises a cluster. */
const SERVER_VARIABLES = ['POSTGRES_PASSWORD', 'POSTGRES_PASSWORD_FILE', 'POSTGRES_HOST_AUTH_METHOD'];

/**
 * Returns the services that are a PostgreSQL server: by their image, otherwise by the variables of the
 * PostgreSQL image.
 */
export function postgresServices(project: ComposeProject): ComposeService[] {
  const services = Object.values(project.services);
  const byImage = services.filter(({ image, build }) => !build && postgresImage(image));
  if (byImage.length > 0) {
    const servers = byImage.filter(runsServer);
    return servers.length > 0 ? servers : byImage;
  }
  const byVariables = services.filter(
    (service) =>
      SERVER_VARIABLES.some((name) => name in service.environment) && !looksForItsDatabase(service),
  );
  // An app may have the same variables as the server; the server depends on none of the others.
  return byVariables.filter(({ dependsOn }) => !byVariables.some(({ name }) => name in dependsOn));
}

/** False for a job with psql or pg_dump: it uses the server's image with a command of its own. */
function runsServer({ entrypoint = [], command = [] }: ComposeService): boolean {
  const words = [...entrypoint, ...command];
  const [first = 'postgres'] = words;
  if (/^-|(^|\/)(postgres|docker-entrypoint\.sh|docker-ensure-initdb\.sh)$/.test(first)) return true;
  return words.some((word) => /docker-entrypoint\.sh|\bpg_ctl\b|\bexec (gosu \w+ )?postgres\b/.test(word));
}

/**
 * Whether the service is an app that uses the server's variables to log in: it then also names the server. A
 * path would be the server's own socket.
 */
function looksForItsDatabase({ name: own, containerName, environment }: ComposeService): boolean {
  return Object.entries(environment).some(
    ([name, value]) =>
      /^(?:POSTGRES|POSTGRESQL|PG|DB|DATABASE)_?(?:HOST|HOSTNAME|SERVER|ADDR)$/.test(name) &&
      value &&
      !value.startsWith('/') &&
      !['localhost', '127.0.0.1', own, containerName].includes(value),
  );
}

/**
 * Returns the service that is the project's database: the one that `invctl.yaml` names, otherwise the one
 * with a PostgreSQL image, otherwise the one with the variables of the PostgreSQL image.
 * @throws UserError NO_DATABASE or DATABASE_UNDECIDED (exit 4) with the key to set.
 */
export function databaseService(project: ComposeProject, named: NamedServices): ComposeService {
  if (named.database !== undefined) return namedService(project, 'database', named.database);
  const found = postgresServices(project);
  const [only] = found;
  if (only && found.length === 1) return only;
  if (!only) {
    throw new UserError({
      code: 'NO_DATABASE',
      message: `no service of the project "${project.name}" is a PostgreSQL: none has its image, none its POSTGRES_* variables`,
      hint: `name it in ${SETTINGS_FILE}:\n  services: {database: SERVICE}`,
      exitCode: ExitCode.projectInvalid,
    });
  }
  throw new UserError({
    code: 'DATABASE_UNDECIDED',
    message: `more than one service could be the database: ${found.map(({ name }) => name).join(', ')}`,
    hint: `name it in ${SETTINGS_FILE}:\n  services: {database: ${only.name}}`,
    exitCode: ExitCode.projectInvalid,
    details: { key: 'services.database', candidates: found.map(({ name }) => name) },
  });
}

/**
 * Returns the service that is the app: the one that `invctl.yaml` names, otherwise the one that depends on
 * the database, otherwise the one that is built here.
 * @throws UserError NO_APP or APP_UNDECIDED (exit 4) with the key to set.
 */
export function appService(project: ComposeProject, named: NamedServices): ComposeService {
  if (named.app !== undefined) return namedService(project, 'app', named.app);
  const database = databaseService(project, named).name;
  const others = Object.values(project.services).filter(({ name }) => name !== database);
  const dependent = others.filter(({ dependsOn }) => database in dependsOn);
  const built = (dependent.length > 0 ? dependent : others).filter(({ build }) => build);
  const found = built.length > 0 ? built : dependent;
  const [only] = found;
  if (only && found.length === 1) return only;
  throw new UserError({
    code: only ? 'APP_UNDECIDED' : 'NO_APP',
    message: only
      ? `more than one service could be the app: ${found.map(({ name }) => name).join(', ')}`
      : `no service of the project "${project.name}" depends on the database or is built here`,
    hint: `name it in ${SETTINGS_FILE}:\n  services: {app: ${only?.name ?? 'SERVICE'}}`,
    exitCode: ExitCode.projectInvalid,
    details: { key: 'services.app', candidates: found.map(({ name }) => name) },
  });
}

function namedService(project: ComposeProject, key: 'database' | 'app', name: string): ComposeService {
  const service = project.services[name];
  if (service) return service;
  throw new UserError({
    code: 'CONFIG_INVALID',
    message: `${SETTINGS_FILE} names "${name}" under services.${key}, but the project has: ${Object.keys(project.services).join(', ')}`,
    hint: `mend services.${key} in ${SETTINGS_FILE}`,
    exitCode: ExitCode.projectInvalid,
    details: { key: `services.${key}` },
  });
}
