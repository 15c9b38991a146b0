/**
 * Variables from which programs take the host of their PostgreSQL, besides those whose value is a URL. Only
 * exact names: a name that sounds like a host is no proof (`PGADMIN_LISTEN_ADDRESS`,
 * `POSTGRES_BIND_ADDRESS`).
 */
const READ_BY_DRIVERS = new Set([
  // libpq, and with it psql and most drivers: https://www.postgresql.org/docs/current/libpq-envars.html
  'PGHOST',
  'PGHOSTADDR',
  // The scaffold's API (stack/src/settings/declarations.ts).
  'POSTGRESQL_HOST',
  'DATABASE_HOST',
  // Laravel, Symfony, Rails, Django, FastAPI, Express, and most images that support only PostgreSQL, MySQL or
  // the like.
  'DB_HOST',
  'DB_HOSTNAME',
  'DB_SERVER',
  'DB_ADDR',
  'DATABASE_HOSTNAME',
  'DATABASE_SERVER',
  'POSTGRES_HOST',
  'POSTGRES_HOSTNAME',
  'POSTGRES_SERVER',
  'SQL_HOST',
  'TYPEORM_HOST',
  'DJANGO_DB_HOST',
  // Images: n8n, Metabase, Grafana, Keycloak, Paperless, Zabbix, Sentry, Gitea and Forgejo, Authentik, Ghost, Temporal.
  'DB_POSTGRESDB_HOST',
  'MB_DB_HOST',
  'GF_DATABASE_HOST',
  'KC_DB_URL_HOST',
  'PAPERLESS_DBHOST',
  'DB_SERVER_HOST',
  'SENTRY_POSTGRES_HOST',
  'GITEA__database__HOST',
  'FORGEJO__database__HOST',
  'AUTHENTIK_POSTGRESQL__HOST',
  'database__connection__host',
  'POSTGRES_SEEDS',
]);

const SOUNDS_LIKE_ONE =
  /^(?:\w+_)?(?:DATABASE|DB|POSTGRES|POSTGRESQL|PG|SQL)_{0,2}(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS)$/i;
/** Addresses to listen on or to accept, not to connect to. */
const NO_DESTINATION =
  /LISTEN|BIND|ALLOW|TRUST|EXPOSE|PUBLI|EXTERNAL|VIRTUAL|ADVERTIS|ADMIN|EXPORTER|PROXY|WEB|CORS|ORIGIN/i;
/** Names that may refer to any kind of database. */
const ANY_DATABASE = /^(?!.*(?:PG|POSTGRES))/i;

export type HostVariable =
  /** The program takes the host from it. */
  | 'read'
  /** The name suggests it; only the value can prove it. */
  | 'perhaps';

/**
 * Whether a variable says where a PostgreSQL is.
 *
 * @param environment of the same service: `DB_CONNECTION: mysql` beside `DB_HOST` means another database
 * @param otherDatabases the project has a database of another make as well
 */
export function hostVariable(
  name: string,
  environment: Readonly<Record<string, string | null>>,
  otherDatabases: boolean,
): HostVariable | undefined {
  const read = READ_BY_DRIVERS.has(name);
  if (!read && (!SOUNDS_LIKE_ONE.test(name) || NO_DESTINATION.test(name))) return undefined;
  const make = ANY_DATABASE.test(name) ? makeBeside(name, environment) : 'postgres';
  if (make === 'another') return undefined;
  return read && (make === 'postgres' || !otherDatabases) ? 'read' : 'perhaps';
}

const OTHER_MAKES = /mysql|maria|mongo|sqlite|mssql|sqlserver|oracle|redis|clickhouse|cockroach/i;
const OTHER_PORTS = ['3306', '27017', '1433', '1521', '6379', '9042'];

/** The kind of database that neighbouring variables show: `DB_CONNECTION: pgsql`, `DB_PORT: 3306`. */
function makeBeside(
  name: string,
  environment: Readonly<Record<string, string | null>>,
): 'postgres' | 'another' | undefined {
  const stem = stemOf(name);
  const makes = ['CONNECTION', 'TYPE', 'DRIVER', 'ENGINE', 'DIALECT', 'CLIENT', 'VENDOR', 'ADAPTER'];
  const said = makes.map((part) => environment[`${stem}${part}`] ?? '');
  const port = environment[`${stem}PORT`] ?? '';
  if (said.some((value) => OTHER_MAKES.test(value)) || OTHER_PORTS.includes(port)) return 'another';
  return said.some((value) => /pg|postgres/i.test(value)) || port === '5432' ? 'postgres' : undefined;
}

/** `DB_` of `DB_HOST`: the common prefix of the neighbouring variables. */
function stemOf(name: string): string {
  return name.replace(/(?:HOSTADDR|HOSTNAME|HOST|SERVER|ADDRESS|ADDR|SEEDS)$/i, '');
}

const BESIDE = {
  port: ['PORT'],
  user: ['USER', 'USERNAME', 'USR'],
  password: ['PASSWORD', 'PASS', 'PASSWD', 'PWD'],
  database: ['NAME', 'DATABASE', 'DB', 'DBNAME', 'DATABASE_NAME'],
} as const;

/** The variable beside a host variable that sets this part of the address. */
export function variableBeside(
  name: string,
  environment: Readonly<Record<string, string | null>>,
  part: keyof typeof BESIDE,
): string | undefined {
  const stem = stemOf(name);
  return BESIDE[part].map((suffix) => `${stem}${suffix}`).find((variable) => environment[variable]);
}
