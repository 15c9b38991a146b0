import type { ComposeProject, ComposeService } from '../project/model.js';

/** Images that know the official image's variables and paths; others, such as bitnami's, have their own. */
const OFFICIAL_INTERFACE = /(^|\/)(postgres|postgis|timescaledb|pgvector)(:[^/]*)?(@.*)?$/;

export function isOfficialPostgres(service: ComposeService): boolean {
  return OFFICIAL_INTERFACE.test(service.image ?? '');
}

/** Major version that an image's tag names: 16 of `postgres:16.2-alpine`. */
export function postgresMajor(service: ComposeService): number | undefined {
  const tag = /:(?:pg)?(\d+)(?:[.\-_].*)?(?:@.*)?$/.exec(service.image ?? '')?.[1];
  return tag === undefined ? undefined : Number(tag);
}

/** Something of a service that says where its database is. */
export interface DatabaseReference {
  service: ComposeService;
  /** Environment variable. */
  variable: string;
  /** True: the value is a URL. */
  url: boolean;
  host: string;
  port?: number;
  user?: string;
  /** Never to be printed. */
  password?: string;
}

const DATABASE_HOST_NAME =
  /^(?:\w+_)?(?:DATABASE|DB|POSTGRES|POSTGRESQL|PG|SQL)_?(?:\w+_)?(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS)$/i;
const POSTGRES_URL = /^(?:jdbc:)?(?:postgres|postgresql|postgis)(?:\+\w+)?:\/\//i;

/** Where the services other than the databases look for a PostgreSQL, as far as their environment says. */
export function databaseReferences(
  project: ComposeProject,
  databases: readonly ComposeService[],
): DatabaseReference[] {
  return Object.values(project.services)
    .filter((service) => !databases.includes(service))
    .flatMap((service) =>
      Object.entries(service.environment).flatMap(([variable, value]) => {
        const reference = value ? referenceOf(variable, value) : undefined;
        return reference ? [{ service, variable, ...reference }] : [];
      }),
    );
}

function referenceOf(
  variable: string,
  value: string,
): Omit<DatabaseReference, 'service' | 'variable'> | undefined {
  if (POSTGRES_URL.test(value)) {
    const match =
      /^[^:/]+(?::[a-z]+)?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?(\[[^\]]+\]|[^:/?,]*)(?::(\d+))?/i.exec(value);
    if (!match?.[3]) return undefined;
    const [, user, password, host, port] = match;
    return {
      url: true,
      host: (host as string).replace(/^\[|\]$/g, ''),
      ...(port ? { port: Number(port) } : {}),
      ...(user ? { user: decoded(user) } : {}),
      ...(password ? { password: decoded(password) } : {}),
    };
  }
  if (!DATABASE_HOST_NAME.test(variable) || /\s|\//.test(value)) return undefined;
  const match = /^(\[[^\]]+\]|[^:]+|::1)(?::(\d+))?$/.exec(value);
  if (!match) return undefined;
  return {
    url: false,
    host: (match[1] as string).replace(/^\[|\]$/g, ''),
    ...(match[2] ? { port: Number(match[2]) } : {}),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Names by which other containers of a shared network reach a service. */
export function reachableNames(service: ComposeService): string[] {
  return [service.name, ...(service.containerName ? [service.containerName] : [])];
}
