/** What well-known images are, and where they keep what is worth keeping: from their own documentation. */
interface KnownImage {
  /** Last component of the image's name. */
  name: RegExp;
  kind: string;
  /** Paths of data, with what it is. */
  data: Record<string, string>;
}

const KNOWN: readonly KnownImage[] = [
  {
    name: /^(postgres|postgresql|postgis|timescaledb|timescaledb-ha|pgvector|citus)$/,
    kind: 'PostgreSQL',
    data: {
      '/var/lib/postgresql': "the database's files",
      '/bitnami/postgresql': "the database's files",
      '/docker-entrypoint-initdb.d': 'SQL that runs once, when the volume is new',
    },
  },
  {
    name: /^(mysql|mariadb)$/,
    kind: 'MySQL',
    data: {
      '/var/lib/mysql': "the database's files",
      '/docker-entrypoint-initdb.d': 'SQL that runs once, when the volume is new',
    },
  },
  { name: /^mongo$/, kind: 'MongoDB', data: { '/data/db': "the database's files" } },
  { name: /^(redis|valkey|keydb)$/, kind: 'Redis', data: { '/data': 'snapshots of the cache' } },
  { name: /^memcached$/, kind: 'Memcached', data: {} },
  { name: /^rabbitmq$/, kind: 'RabbitMQ', data: { '/var/lib/rabbitmq': 'queues and their messages' } },
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

/** `PostgreSQL` of `postgis/postgis:16-3.4`; undefined for an image that nobody knows. */
export function imageKind(image: string | undefined): string | undefined {
  return known(image)?.kind;
}

/** What an image keeps at a path; undefined where that is not known. */
export function heldAt(image: string | undefined, target: string): string | undefined {
  const data = known(image)?.data ?? {};
  const folder = Object.keys(data).find((path) => target === path || target.startsWith(`${path}/`));
  if (folder !== undefined) return data[folder];
  return target.endsWith('/node_modules') ? "the image's own packages, which a mount would hide" : undefined;
}
