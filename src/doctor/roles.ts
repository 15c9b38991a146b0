import { postgresImage } from '../postgres/image.js';
import type { ComposeProject, ComposeService } from '../project/model.js';
import { type Address, addressOf } from './database-addresses.js';
import { hostVariable, variableBeside } from './host-variables.js';

/**
 * Whether the image of a service has the official image's variables and paths; other images have their own.
 */
export function isOfficialPostgres(service: ComposeService): boolean {
  return postgresImage(service.image)?.interface === 'official';
}

/** A setting of a service that says where its database is. */
export interface DatabaseReference extends Address {
  service: ComposeService;
  /** Environment variable. */
  variable: string;
  /** True: the value is a URL or a connection string. */
  url: boolean;
  /** False: only the variable's name suggests it, and what the service does with it is not known. */
  certain: boolean;
  /** The variable that holds the port, if it is another one. */
  portVariable?: string;
}

/** A connection URL under such a name is for a developer's machine or for tests, not for the service itself. */
const NOT_ITS_OWN = /(?:^|_)(?:TEST|TESTING|SHADOW|LOCAL|LOCALHOST|HOST|DEV|CI|PUBLIC|EXTERNAL|EXAMPLE)_/i;
const OTHER_DATABASES = /(^|\/)(mysql|mariadb|mongo|percona|mssql|oracle|cockroach|clickhouse)[\w-]*(:|@|$)/;

/** Where services other than the databases look for a PostgreSQL, according to their environment. */
export function databaseReferences(
  project: ComposeProject,
  databases: readonly ComposeService[],
): DatabaseReference[] {
  const services = Object.values(project.services);
  const known = services.flatMap(reachableNames);
  const others = services.some(({ image }) => OTHER_DATABASES.test(image ?? ''));
  return services
    .filter((service) => !databases.includes(service))
    .flatMap((service) =>
      Object.entries(service.environment).flatMap(([variable, value]) => {
        const reference = value ? referenceOf(service, variable, value, known, others) : undefined;
        return reference ? [{ service, variable, ...reference }] : [];
      }),
    );
}

function referenceOf(
  { environment }: ComposeService,
  variable: string,
  value: string,
  known: readonly string[],
  otherDatabases: boolean,
): Omit<DatabaseReference, 'service' | 'variable'> | undefined {
  const address = addressOf(value, known);
  if (address) return { ...address, url: true, certain: !NOT_ITS_OWN.test(variable) };
  const kind = hostVariable(variable, environment, otherDatabases);
  const match = /\s|\/|,/.test(value) ? null : /^(\[[^\]]+\]|[^:]+|::1)(?::(\d+))?$/.exec(value);
  if (!kind || !match) return undefined;
  const portVariable = match[2] ? undefined : variableBeside(variable, environment, 'port');
  const port = match[2] ?? (portVariable && environment[portVariable]);
  const beside = (part: 'user' | 'database') =>
    environment[variableBeside(variable, environment, part) ?? ''] ?? undefined;
  const user = beside('user');
  const database = beside('database');
  return {
    url: false,
    certain: kind === 'read',
    host: (match[1] as string).replace(/^\[|\]$/g, ''),
    unencoded: [],
    ...(port && /^\d+$/.test(port) ? { port: Number(port) } : {}),
    ...(portVariable ? { portVariable } : {}),
    ...(user ? { user } : {}),
    ...(database ? { database } : {}),
  };
}

/** Names by which other containers on a shared network reach a service. */
export function reachableNames({ name, containerName, networkAliases = [] }: ComposeService): string[] {
  return [name, ...(containerName ? [containerName] : []), ...networkAliases];
}

/**
 * Another variable of the same service that does lead to the database: which of the two the service reads is
 * not known then.
 *
 * @param port the server's, where it matters
 */
export function variableThatLeads(
  { service, variable }: DatabaseReference,
  references: readonly DatabaseReference[],
  database: ComposeService,
  port?: number,
): string | undefined {
  return references.find(
    (other) =>
      other.service === service &&
      other.variable !== variable &&
      other.certain &&
      reachableNames(database).includes(other.host) &&
      (port === undefined || other.port === undefined || other.port === port),
  )?.variable;
}
