import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { invctl } from '../../support/cli.js';
import { podCluster, withoutPods } from '../../support/export/cluster.js';

const { kubectl, kubectlWith, environment } = podCluster;
const NAMESPACE = `invctl-test-${randomBytes(4).toString('hex')}`;
const PASSWORD = `word-${randomBytes(8).toString('hex')}`;
const COMPOSE = `name: ${NAMESPACE}
services:
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/db_password, POSTGRES_USER: me, POSTGRES_DB: shop}
    secrets: [db_password]
    volumes: ["pgdata:/var/lib/postgresql/data"]
volumes: {pgdata: {}}
secrets: {db_password: {file: ./secrets/db_password.txt}}
`;
const DATA = `
  CREATE ROLE clerk;
  CREATE TABLE items (id serial PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now());
  INSERT INTO items (name) SELECT md5(g::text) FROM generate_series(1, 5000) g;
  CREATE SCHEMA stock;
  CREATE TABLE stock.lines (item int REFERENCES items, n numeric) PARTITION BY RANGE (item);
  CREATE TABLE stock.low PARTITION OF stock.lines FOR VALUES FROM (1) TO (2501);
  CREATE TABLE stock.high PARTITION OF stock.lines FOR VALUES FROM (2501) TO (9999);
  INSERT INTO stock.lines SELECT id, id FROM items;
  CREATE TABLE "Of Clerk" (n int);
  ALTER TABLE "Of Clerk" OWNER TO clerk;
  GRANT SELECT ON items TO clerk;
  CREATE VIEW counted AS SELECT count(*) AS n FROM items;
  CREATE FUNCTION total() RETURNS numeric LANGUAGE sql AS 'SELECT sum(n) FROM stock.lines';
`;

/**
 * CloudNativePG's operator is in no test cluster. In its place is what it makes of our Cluster, as its documentation has it
 * (1.24 to 1.28: Bootstrap, Service management, Labels and annotations): an instance with its labels, whose programs
 * run as the server's user, a database with the owner that the Cluster names, logging in with the Secret's password,
 * and the service `-rw`.
 */
function standIn() {
  const labels = {
    'cnpg.io/cluster': 'db-cluster',
    'cnpg.io/instanceName': 'db-cluster-1',
    'cnpg.io/instanceRole': 'primary',
    'cnpg.io/podRole': 'instance',
    role: 'primary',
  };
  const service = (name: string, selector: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `db-cluster-${name}`, labels: { 'cnpg.io/cluster': 'db-cluster' } },
    spec: { selector, ports: [{ name: 'postgres', port: 5432, protocol: 'TCP' }] },
  });
  return [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'db-cluster-1', labels },
      spec: {
        terminationGracePeriodSeconds: 2,
        securityContext: { runAsUser: 999, runAsGroup: 999, fsGroup: 999 },
        containers: [
          {
            name: 'postgres',
            image: 'postgres:16',
            env: [
              { name: 'POSTGRES_HOST_AUTH_METHOD', value: 'scram-sha-256' },
              { name: 'POSTGRES_PASSWORD', value: randomBytes(12).toString('hex') },
              { name: 'PGDATA', value: '/var/lib/postgresql/data/pgdata' },
            ],
            volumeMounts: [{ name: 'pgdata', mountPath: '/var/lib/postgresql/data' }],
          },
        ],
        volumes: [{ name: 'pgdata', emptyDir: {} }],
      },
    },
    service('rw', { 'cnpg.io/cluster': 'db-cluster', 'cnpg.io/instanceRole': 'primary' }),
    service('r', { 'cnpg.io/cluster': 'db-cluster', 'cnpg.io/podRole': 'instance' }),
  ];
}

describe.skipIf(withoutPods())('a backup that is handed over to CloudNativePG', () => {
  let folder = '';

  const apply = (...objects: object[]) => {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    expect(kubectlWith(list, 'apply', '-n', NAMESPACE, '-f', '-')).toMatchObject({ status: 0 });
  };
  const psql = (pod: string, user: string, sql: string, database = 'shop') =>
    kubectlWith(
      sql,
      ...['exec', '-i', '-n', NAMESPACE, pod, '--'],
      'psql',
      '-U',
      user,
      '-d',
      database,
      '-qAt',
    ).stdout.trim();
  const ready = (pod: string, user: string, database: string) =>
    vi.waitUntil(
      () => {
        const words = ['exec', '-n', NAMESPACE, pod, '--', 'pg_isready', '-q', '-h', '127.0.0.1'];
        return kubectl(...words).status === 0 && psql(pod, user, 'SELECT 1', database) === '1';
      },
      { timeout: 90_000, interval: 500 },
    );
  async function run(args: string[]) {
    const { stdout } = await invctl([...args, '--json'], { cwd: folder, env: environment });
    return JSON.parse(stdout);
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'invctl-cnpg-test-'));
    writeFileSync(join(folder, 'compose.yaml'), COMPOSE);
    for (const name of ['secrets', '.invctl']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'secrets/db_password.txt'), PASSWORD);
    writeFileSync(join(folder, '.invctl/cluster.json'), JSON.stringify({ namespace: NAMESPACE }));
    kubectl('create', 'namespace', NAMESPACE);
    const env = { POSTGRES_USER: 'me', POSTGRES_DB: 'shop', POSTGRES_PASSWORD: PASSWORD };
    apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'before', labels: { 'app.kubernetes.io/component': 'db' } },
      spec: {
        terminationGracePeriodSeconds: 2,
        containers: [
          {
            name: 'db',
            image: 'postgres:16',
            env: Object.entries(env).map(([name, value]) => ({ name, value })),
          },
        ],
      },
    });
    await ready('before', 'me', 'shop');
    psql('before', 'me', DATA);
  }, 120_000);

  afterAll(() => {
    kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it('is there row by row, and all of it the owner’s that the app logs in as, by the command that is printed', async () => {
    const { data: taken } = await run(['db', 'backup', '--deployed', '--level', '2']);
    const { error } = await run(['deploy', 'k8s', '--db', 'cnpg', '--yes', '--restore', taken.file]);
    expect(error.code).toBe('RESTORE_NOT_HERE');

    // What the operator makes of the Cluster that is exported, which says who owns the database.
    await run(['export', 'k8s', '--db', 'cnpg']);
    const exported = readFileSync(join(folder, 'k8s/base/db.yaml'), 'utf8');
    expect(exported).toMatch(/initdb:\s+database: shop\s+owner: me\s+secret:\s+name: db-login/);
    apply(...standIn());
    await ready('db-cluster-1', 'postgres', 'postgres');
    psql('db-cluster-1', 'postgres', `CREATE ROLE me LOGIN PASSWORD '${PASSWORD}'`, 'postgres');
    psql('db-cluster-1', 'postgres', 'CREATE DATABASE shop OWNER me', 'postgres');

    const [, typed = ''] = /then: (kubectl .*?) {2,}\(/.exec(error.hint) ?? [];
    expect(typed).toContain('service/db-cluster-rw');
    const handOver = () =>
      spawnSync('sh', ['-c', typed.replace('FILE', `'${taken.file}'`)], {
        env: environment,
        encoding: 'utf8',
      });
    // Nothing is half there where a role is not.
    const tables =
      "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    const refused = handOver();
    expect([refused.status, refused.stderr, psql('db-cluster-1', 'postgres', tables)]).toEqual([
      1,
      expect.stringContaining('role "clerk" does not exist'),
      '0',
    ]);
    psql('db-cluster-1', 'postgres', 'CREATE ROLE clerk', 'postgres');
    const done = handOver();
    expect([done.status, done.stderr]).toEqual([0, '']);

    const there = (sql: string) =>
      kubectlWith(
        `${PASSWORD}\n`,
        ...['exec', '-i', '-n', NAMESPACE, 'service/db-cluster-rw', '-c', 'postgres', '--', 'sh', '-c'],
        `IFS= read -r PGPASSWORD; export PGPASSWORD; psql -h $(hostname -i) -U me -d shop -qAtc "${sql}"`,
      ).stdout.trim();
    const counted = taken.manifest.tables.map(({ name }: { name: string }) => {
      const [schema = '', table = ''] = name.replaceAll('"', '').split('.');
      return { name, rows: Number(there(`SELECT count(*) FROM \\"${schema}\\".\\"${table}\\"`)) };
    });
    expect(counted).toEqual(
      taken.manifest.tables.map(({ name, rows }: { name: string; rows: number }) => ({ name, rows })),
    );
    expect(counted.length).toBeGreaterThanOrEqual(4);
    const owners = `SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'stock'::regnamespace)`;
    expect([there(owners), there('SELECT total()'), there('SELECT n FROM counted')]).toEqual([
      'me',
      '12502500',
      '5000',
    ]);
    // The app can go on: a sequence is where it was.
    expect(there("INSERT INTO items (name) VALUES ('next') RETURNING id")).toBe('5001');
  }, 180_000);
});
