import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type CliOptions, type CliResult, invctl } from '../../../support/cli.js';

/** A program in the database's container that goes on beside a test, and ends with it at the latest. */
export interface Companion {
  write(input: string): void;
  /** Waits until it prints something. */
  prints(): Promise<void>;
  /** Ends its input, and waits for its end. Returns the lines that it printed. */
  end(): Promise<string[]>;
}

export interface DatabaseProject {
  /** Of the compose project; unique. */
  name: string;
  directory: string;
  invctl(args: readonly string[], options?: Partial<CliOptions>): Promise<CliResult>;
  /** `data` of a command's JSON document. A command that fails throws all that it said. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asks for.
  succeed(args: readonly string[], options?: Partial<CliOptions>): Promise<any>;
  /** Runs statements as the superuser, past invctl. Returns what psql prints, unaligned and without headers. */
  sql(statements: string | Buffer, database?: string): string;
  /** Runs docker compose in the project's folder, past invctl. Returns what it prints. */
  compose(...args: readonly string[]): string;
  /** The definitions of a database, as pg_dump writes them. */
  dumpSchema(database: string): Buffer;
  /** A session of psql as the superuser. */
  psql(): Companion;
  /** Runs a script of sh again and again. */
  repeat(script: string): Companion;
  /** Hash of the names, the rows and the sequences of a database: equal only where nothing has changed. */
  fingerprint(database?: string): string;
  /** Names of the server's databases, templates left out. */
  databases(): string[];
  /** Sessions of invctl that the server has. */
  invctlSessions(): string;
  /** Client programs that run in the database's container. */
  clientProcesses(): string;
  remove(): void;
}

export interface ProjectOptions {
  /** Image tag. */
  postgres?: string;
  /** Of the database, as the compose file has it. */
  database?: string;
  /** What the database's container runs. */
  command?: readonly string[];
  /** In place of the official image. */
  image?: string;
  /** In place of the named volume, as the compose file has it. */
  mount?: string;
  /** More variables of the database, as in a flow mapping. */
  environment?: string;
  /** More lines of the database's service. */
  more?: string;
  /** More of the compose file, under `services:`. */
  services?: string;
  /** Of the superuser, as the compose file has it. */
  password?: string;
  /** More files of the project, by their relative path. */
  files?: Record<string, string>;
}

/** A running Compose project that invctl did not make, with a database `shop` of the superuser `owner`. */
export function startDatabaseProject(label: string, options: ProjectOptions = {}): DatabaseProject {
  const directory = mkdtempSync(join(tmpdir(), `invctl ${label} `));
  const name = `invctl-db-${label}-${process.pid}`;
  writeFileSync(
    join(directory, 'compose.yaml'),
    `name: ${name}
services:
  db:
    image: ${options.image ?? `postgres:${options.postgres ?? '16'}`}
${options.command ? `    command: ${JSON.stringify(options.command)}\n` : ''}    environment: {POSTGRES_DB: "${options.database ?? 'shop'}", POSTGRES_USER: owner, POSTGRES_PASSWORD: "${options.password ?? 'seeded-marker-password'}"${options.environment ? `, ${options.environment}` : ''}}
    volumes: ["${options.mount ?? 'pgdata:/var/lib/postgresql/data'}"]
${options.more ?? ''}
    healthcheck:
      test: ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "owner", "-d", "shop"]
      interval: 30s
      start_period: 1m
      start_interval: 200ms
${options.services ?? ''}
volumes: {pgdata: {}}
`,
  );
  for (const [path, content] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  const docker = (args: readonly string[], input: string | Buffer = ''): Buffer =>
    execFileSync('docker', args, {
      cwd: directory,
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
      input,
    });
  const compose = (...args: readonly string[]): string => docker(['compose', ...args]).toString();
  // Compose would read the project for each of these programs, which is more work than most of them are.
  const container = `${name}-db-1`;
  const inContainer = (program: readonly string[], input?: string | Buffer): Buffer =>
    docker(['exec', '--interactive', container, ...program], input);
  compose('up', '--detach', '--wait');
  const sql = (statements: string | Buffer, database = 'shop'): string =>
    inContainer(
      ['psql', '--username=owner', `--dbname=${database}`, '-XqAt', '--set=ON_ERROR_STOP=1'],
      statements,
    )
      .toString()
      .trim();
  const run: DatabaseProject['invctl'] = (args, more = {}) => invctl(args, { cwd: directory, ...more });
  return {
    name,
    directory,
    sql,
    compose,
    dumpSchema: (database) => inContainer(['pg_dump', '--username=owner', '--schema-only', database]),
    invctl: run,
    psql: () => startCompanion(container, ['psql', '--username=owner', '--dbname=shop', '-Xq']),
    repeat: (script) =>
      startCompanion(container, [
        'sh',
        '-c',
        // A program in the background has no stdin but by another number.
        `exec 3<&0; cat <&3 > /dev/null & while kill -0 $! 2> /dev/null; do\n${script}\ndone`,
      ]),
    async succeed(args, more) {
      const { code, stdout, stderr } = await run([...args, '--json'], more);
      if (code !== 0) throw new Error(`invctl ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
      return JSON.parse(stdout).data;
    },
    fingerprint: (database) => fingerprintOf(sql, database),
    databases: () =>
      sql(
        `SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1`,
        'postgres',
      )
        .split('\n')
        .filter((line) => line !== ''),
    invctlSessions: () =>
      sql(`SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'invctl%'`, 'postgres'),
    clientProcesses: () =>
      inContainer([
        'sh',
        '-c',
        'for f in /proc/[0-9]*/comm; do read -r name < "$f" && case "$name" in pg_dump|pg_restore|psql) echo "$name";; esac; done 2>/dev/null; true',
      ])
        .toString()
        .trim(),
    remove() {
      compose('down', '--volumes', '--timeout', '1');
      // An upgrade that failed may have left one that the file does not name.
      const label = `label=com.docker.compose.project=${name}`;
      const volumes = execFileSync('docker', ['volume', 'ls', '--quiet', '--filter', label], {
        encoding: 'utf8',
      });
      const names = volumes.split('\n').filter((line) => line !== '');
      if (names.length > 0) execFileSync('docker', ['volume', 'rm', ...names], { stdio: 'ignore' });
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function startCompanion(container: string, command: readonly string[]): Companion {
  const child = spawn('docker', ['exec', '--interactive', container, ...command], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  // Of a server that is stopped below it.
  child.stdin.on('error', () => {});
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const ended = once(child, 'close');
  const end = async () => {
    child.stdin.end();
    await ended;
    return output.split('\n').filter((line) => line !== '');
  };
  onTestFinished(() => end().then(() => {}));
  return {
    write: (input) => void child.stdin.write(input),
    prints: async () => void (await once(child.stdout, 'data')),
    end,
  };
}

/** Items, stock and a ledger: foreign keys, a view, a trigger-kept column, every kind of value that dumps differ in. */
export function seedShop(project: Pick<DatabaseProject, 'sql'>, rows = 5000): void {
  project.sql(`
    CREATE TABLE items (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sku text NOT NULL UNIQUE, name text NOT NULL,
      price numeric(12, 2) NOT NULL CHECK (price >= 0), weight double precision, seen timestamptz NOT NULL DEFAULT now(),
      raw bytea, tags text[] NOT NULL DEFAULT '{}', attributes jsonb NOT NULL DEFAULT '{}');
    CREATE TABLE movements (
      id bigserial PRIMARY KEY, item_id bigint NOT NULL REFERENCES items, quantity integer NOT NULL CHECK (quantity <> 0));
    CREATE INDEX ON movements (item_id);
    CREATE VIEW stock AS SELECT item_id, sum(quantity) AS quantity FROM movements GROUP BY item_id;
    CREATE TABLE "Odd name" (id serial PRIMARY KEY, "quoted ""column" text);
    INSERT INTO items (sku, name, price, weight, raw, tags, attributes)
      SELECT 'SKU-' || i, 'Ärtikel ' || i || E'\\n\\\\.', i / 7.0, i / 3.0, decode(md5(i::text), 'hex'),
             ARRAY['a' || i, 'b,"'], jsonb_build_object('n', i) FROM generate_series(1, ${rows}) i;
    INSERT INTO movements (item_id, quantity) SELECT 1 + i % ${rows}, 1 + i % 9 FROM generate_series(1, ${rows * 3}) i;
    INSERT INTO "Odd name" ("quoted ""column") VALUES (NULL), (''), (E'tab\\there');
    ANALYZE;`);
}

/** See {@link DatabaseProject.fingerprint}. */
export function fingerprintOf(sql: DatabaseProject['sql'], database?: string): string {
  const tables = sql(
    `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)' ORDER BY 1`,
    database,
  );
  const parts = tables
    .split('\n')
    .filter((table) => table !== '')
    .map(
      (table) =>
        `SELECT '${table}', count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM ${table} t;`,
    );
  const content = sql(
    `${parts.join('\n')}\nSELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2;`,
    database,
  );
  return createHash('sha256').update(content).digest('hex');
}

/** A folder whose `docker` does what `script` (of sh) says; $REAL is the real program. Goes first on PATH. */
export function shimDocker(directory: string, script: string): Record<string, string> {
  const folder = join(directory, 'shim');
  mkdirSync(folder, { recursive: true });
  const real = execFileSync('sh', ['-c', 'command -v docker'], { encoding: 'utf8' }).trim();
  writeFileSync(join(folder, 'docker'), `#!/bin/sh\nREAL='${real}'\n${script}\n`, { mode: 0o755 });
  return { PATH: `${folder}:${process.env.PATH}` };
}

export function sha256Of(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/**
 * A `docker` that kills its parent with SIGKILL in place of the `call`th program that a step of the journal starts:
 * a power cut, as far as invctl can tell. Programs that start together have numbers of their own all the same.
 */
export function killAtStep(directory: string, step: string, call: number): Record<string, string> {
  rmSync(join(directory, 'shim'), { recursive: true, force: true });
  return shimDocker(
    directory,
    `if grep -qs '"step": "${step}"' '${directory}'/.invctl/journal/*.json; then
  call=1
  while [ $call -lt 100 ] && ! mkdir '${directory}'/shim/call-$call 2>/dev/null; do call=$((call + 1)); done
  [ $call -eq ${call} ] && kill -9 $PPID && exit 1
fi
exec "$REAL" "$@"`,
  );
}
