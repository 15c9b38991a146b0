import { setTimeout as sleep } from 'node:timers/promises';
import { docker } from '../docker-project.js';
import type { SickProject } from './project.js';

/** A PostgreSQL with small limits, so that little is enough to reach them. */
export const HEALTH_PROJECT = {
  'compose.yaml': `name: NAME
services:
  db:
    image: postgres:16
    command:
      - postgres
      - -cmax_connections=20
      - -cmax_prepared_transactions=2
      - -cmax_wal_size=64MB
      - -cmin_wal_size=32MB
      - -cautovacuum_freeze_max_age=2000000000
      - -carchive_mode=on
    environment:
      POSTGRES_DB: shop
      POSTGRES_INITDB_ARGS: --data-checksums --locale-provider=icu --icu-locale=en
      POSTGRES_PASSWORD_FILE: /run/secrets/pw
    secrets: [pw]
    volumes: ["pg:/var/lib/postgresql/data"]
    healthcheck: { test: ["CMD", "pg_isready", "-h", "127.0.0.1"], interval: 30s, start_period: 1m, start_interval: 200ms }
volumes: { pg: {} }
secrets: { pw: { file: ./pw.txt } }
`,
  'pw.txt': 'k8Fj2-mQ9zLp0-vX7',
  'invctl.yaml': 'doctor: { limits: { transactionMinutes: 0, waitSeconds: 0 } }\n',
};

export interface HealthFault {
  id: string;
  /** Ids that this fault makes true as well. */
  also?: readonly string[];
  /** The message has this. */
  says: RegExp;
  break(server: HealthServer): Promise<unknown>;
  heal?(server: HealthServer): Promise<unknown>;
}

/** The database of a {@link HEALTH_PROJECT}. */
export class HealthServer {
  readonly container: string;
  #staying = 0;

  constructor({ name }: SickProject) {
    this.container = `${name}-db-1`;
  }

  /** Runs statements one by one, each in a transaction of its own. */
  psql(...statements: string[]): Promise<string> {
    const words = statements.flatMap((sql) => ['-c', sql]);
    return docker('exec', this.container, 'psql', '-XAtq', '-U', 'postgres', '-d', 'shop', ...words);
  }

  /** Sessions that say this and then stay, until {@link end}. */
  async stay(sql: string, sessions = 1): Promise<void> {
    const one = '(echo "$1;"; sleep 600) | PGAPPNAME=stays psql -XAtq -U postgres -d shop >/dev/null 2>&1 &';
    const script = `for i in $(seq ${sessions}); do ${one} done; wait`;
    this.#staying += sessions;
    await docker('exec', '--detach', this.container, 'sh', '-c', script, 'sh', sql);
    await this.until(
      `SELECT count(*) = ${this.#staying} FROM pg_stat_activity WHERE application_name = 'stays' AND query <> ''`,
    );
  }

  end(): Promise<string> {
    this.#staying = 0;
    return this.psql(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'stays'",
    );
  }

  async until(condition: string): Promise<void> {
    for (let tries = 0; tries < 300; tries += 1) {
      if ((await this.psql(condition)) === 't') return;
      await sleep(100);
    }
    throw new Error(`never true: ${condition}`);
  }

  /** Runs a script on the data folder while the server is stopped. */
  async whileStopped(script: string): Promise<void> {
    await docker('stop', this.container);
    const words = [
      '--volumes-from',
      this.container,
      '--user',
      'postgres',
      'postgres:16',
      'sh',
      '-ec',
      script,
    ];
    await docker('run', '--rm', ...words);
    await docker('start', this.container);
    for (let tries = 0; tries < 300; tries += 1) {
      const state = await docker('inspect', '--format', '{{.State.Health.Status}}', this.container);
      if (state === 'healthy') return;
      await sleep(100);
    }
    throw new Error('never healthy');
  }
}

const NAME = '"it\'s a ""näme""\nof two lines"';

export const HEALTH_FAULTS: readonly HealthFault[] = [
  {
    id: 'health.archiving',
    says: /cannot archive/,
    break: async (server) => {
      await server.psql("ALTER SYSTEM SET archive_command = '/bin/false'", 'SELECT pg_reload_conf()');
      await server.psql('CREATE TABLE written ()', 'SELECT pg_switch_wal()');
      await server.until('SELECT failed_count > 0 FROM pg_stat_archiver');
    },
    heal: async (server) => {
      await server.psql("ALTER SYSTEM SET archive_command = '/bin/true'", 'SELECT pg_reload_conf()');
      // After three failures the archiver rests for a minute, or until another segment is full.
      await server.psql('CREATE TABLE written_again ()', 'SELECT pg_switch_wal()');
      await server.until('SELECT last_archived_time > last_failed_time FROM pg_stat_archiver');
    },
  },
  {
    id: 'health.connections',
    says: /16 of 17 connections are taken; most by postgres \(stays\): 16/,
    break: (server) => server.stay('SELECT 1', 16),
    heal: (server) => server.end(),
  },
  {
    id: 'health.transaction',
    says: /\(postgres, stays\) has had a transaction open .* has done nothing in it/,
    break: async (server) => {
      await server.stay('BEGIN');
      await server.until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'stays' AND state = 'idle in transaction'",
      );
    },
    heal: (server) => server.end(),
  },
  {
    id: 'health.lock-wait',
    also: ['health.transaction'],
    says: /process \d+ \(postgres, idle in transaction\) holds a lock of public.wanted that process \d+ waits for/,
    break: async (server) => {
      await server.psql('CREATE TABLE wanted ()');
      await server.stay('BEGIN\\; LOCK TABLE wanted');
      await server.until("SELECT count(*) > 0 FROM pg_locks WHERE relation = 'wanted'::regclass AND granted");
      await server.stay('TABLE wanted');
    },
    heal: (server) => server.end(),
  },
  {
    id: 'health.prepared-transaction',
    says: /"it's \\left" of postgres was prepared/,
    break: (server) => server.psql("BEGIN; CREATE TABLE half (); PREPARE TRANSACTION E'it\\'s \\\\left'"),
    heal: (server) => server.psql("ROLLBACK PREPARED E'it\\'s \\\\left'"),
  },
  {
    id: 'health.slot',
    says: /nobody reads the replication slot "gone", and it holds \d+ MB/,
    break: (server) =>
      server.psql(
        "SELECT pg_create_physical_replication_slot('gone', true)",
        ...Array.from({ length: 6 }, (_, i) => [
          `CREATE TABLE filler${i} ()`,
          'SELECT pg_switch_wal()',
        ]).flat(),
      ),
    heal: (server) => server.psql("SELECT pg_drop_replication_slot('gone')"),
  },
  {
    id: 'health.sequence',
    says: /has used 97 % of its numbers: it ends at 2,147,483,647/,
    break: (server) =>
      server.psql(
        `CREATE TABLE ${NAME} (id bigserial)`,
        `ALTER TABLE ${NAME} ALTER COLUMN id TYPE integer`,
        `SELECT setval(pg_get_serial_sequence($$${NAME}$$, 'id'), 2100000000)`,
      ),
    heal: (server) => server.psql(`DROP TABLE ${NAME}`),
  },
  {
    id: 'health.invalid-index',
    says: /the index twice of doubles is invalid/,
    break: async (server) => {
      await server.psql('CREATE TABLE doubles AS SELECT 1 AS n FROM generate_series(1, 2)');
      await server.psql('CREATE UNIQUE INDEX CONCURRENTLY twice ON doubles (n)').catch(() => {});
    },
    heal: (server) => server.psql('DROP TABLE doubles'),
  },
  {
    id: 'health.collation',
    says: /in the database shop was made by version 2.28/,
    break: (server) =>
      server.psql("UPDATE pg_database SET datcollversion = '2.28' WHERE datname = current_database()"),
    heal: (server) => server.psql('ALTER DATABASE shop REFRESH COLLATION VERSION'),
  },
  {
    id: 'health.unsafe-settings',
    says: /fsync is off/,
    break: async (server) => {
      await server.psql('ALTER SYSTEM SET fsync = off', 'SELECT pg_reload_conf()');
      await server.until("SELECT current_setting('fsync') = 'off'");
    },
    heal: async (server) => {
      await server.psql('ALTER SYSTEM RESET fsync', 'SELECT pg_reload_conf()');
      await server.until("SELECT current_setting('fsync') = 'on'");
    },
  },
  {
    id: 'health.vacuum',
    says: /dead has 120,000 dead rows beside 0 live ones: autovacuum is off for it/,
    break: async (server) => {
      await server.psql(
        'CREATE TABLE dead (n int) WITH (autovacuum_enabled = off)',
        'INSERT INTO dead SELECT generate_series(1, 120000)',
        'DELETE FROM dead',
      );
      await server.until("SELECT n_dead_tup = 120000 FROM pg_stat_user_tables WHERE relname = 'dead'");
    },
    heal: (server) => server.psql('DROP TABLE dead'),
  },
  {
    id: 'health.wraparound',
    says: /the database old has used 79 % of its transaction ids/,
    break: async (server) => {
      await server.psql('CREATE DATABASE old');
      // What nobody has vacuumed for 1.7 billion transactions: ids count modulo 2^32.
      await server.psql(`UPDATE pg_database SET datfrozenxid =
        ((txid_current() - 1700000000 + 4294967296) % 4294967296)::text::xid WHERE datname = 'old'`);
    },
    heal: (server) => server.psql('DROP DATABASE old'),
  },
  {
    id: 'health.checksums',
    says: /1 page of the database shop came from the disk damaged/,
    break: async (server) => {
      await server.psql('CREATE TABLE victim AS SELECT 1 AS n', 'CHECKPOINT');
      const file = await server.psql("SELECT pg_relation_filepath('victim')");
      await server.whileStopped(
        `cd "$PGDATA"; printf damage | dd of=${file} bs=1 seek=8100 conv=notrunc 2>/dev/null`,
      );
      await server.psql('TABLE victim').catch(() => {});
      await server.until("SELECT checksum_failures > 0 FROM pg_stat_database WHERE datname = 'shop'");
    },
  },
];
