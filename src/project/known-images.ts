/** A well-known image and the paths of its data, from the image's own documentation. */
interface KnownImage {
  /** Matches the last component of the image's name. */
  name: RegExp;
  kind: string;
  /** Default port. */
  port?: string;
  /** Paths of data, with a description. */
  data: Record<string, string>;
}

const KNOWN: readonly KnownImage[] = [
  {
    name: /^(postgres|postgresql|postgis|timescaledb|timescaledb-ha|pgvector|citus)$/,
    kind: 'PostgreSQL',
    port: '5432',
    data: {
      '/var/lib/postgresql': "the database's files",
      '/bitnami/postgresql': "the database's files",
      '/docker-entrypoint-initdb.d': 'SQL that runs once, when the volume is new',
    },
  },
  {
    name: /^(mysql|mariadb)$/,
    kind: 'MySQL',
    port: '3306',
    data: {
      '/var/lib/mysql': "the database's files",
      '/docker-entrypoint-initdb.d': 'SQL that runs once, when the volume is new',
    },
  },
  { name: /^mongo$/, kind: 'MongoDB', port: '27017', data: { '/data/db': "the database's files" } },
  {
    name: /^(redis|valkey|keydb)$/,
    kind: 'Redis',
    port: '6379',
    data: { '/data': 'snapshots of the cache' },
  },
  { name: /^memcached$/, kind: 'Memcached', port: '11211', data: {} },
  {
    name: /^rabbitmq$/,
    kind: 'RabbitMQ',
    port: '5672',
    data: { '/var/lib/rabbitmq': 'queues and their messages' },
  },
  {
    name: /^(elasticsearch|opensearch)$/,
    kind: 'search',
    data: { '/usr/share/elasticsearch/data': 'the index' },
  },
  { name: /^(minio)$/, kind: 'object store', data: { '/data': 'the stored objects' } },
  {
    name: /^(nginx|httpd|caddy|traefik|haproxy)$/,
    kind: 'web server',
    data: { '/data': 'certificates', '/usr/share/nginx/html': 'the pages that it serves' },
  },
  { name: /^prometheus$/, kind: 'Prometheus', data: { '/prometheus': 'the measurements' } },
  {
    name: /^grafana(-oss|-enterprise)?$/,
    kind: 'Grafana',
    data: { '/var/lib/grafana': 'dashboards and users' },
  },
  { name: /^loki$/, kind: 'Loki', data: { '/loki': 'the logs' } },
  {
    name: /^(adminer|pgadmin4?|phpmyadmin)$/,
    kind: 'database browser',
    data: { '/var/lib/pgadmin': 'its settings' },
  },
];

function known(image: string | undefined): KnownImage | undefined {
  const name = image
    ?.replace(/@.*$/, '')
    .replace(/:[^:/]*$/, '')
    .split('/')
    .at(-1);
  return name === undefined ? undefined : KNOWN.find((one) => one.name.test(name));
}

/** Returns a name such as `PostgreSQL` for `postgis/postgis:16-3.4`; undefined for an unknown image. */
export function imageKind(image: string | undefined): string | undefined {
  return known(image)?.kind;
}

/** Returns the port that an image's program listens on. */
export function imagePort(image: string | undefined): string | undefined {
  return known(image)?.port;
}

/** Returns what an image stores at a path; undefined if it is unknown. */
export function heldAt(image: string | undefined, target: string): string | undefined {
  const data = known(image)?.data ?? {};
  const folder = Object.keys(data).find((path) => target === path || target.startsWith(`${path}/`));
  if (folder !== undefined) return data[folder];
  return target.endsWith('/node_modules') ? "the image's own packages, which a mount would hide" : undefined;
}
