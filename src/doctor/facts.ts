import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Client, ClientConfig } from 'pg';
import { LABEL_SERVICE } from '../engine/compose/argv.js';
import { type DockerSurvey, type SurveyedContainer, surveyDocker } from '../engine/compose/survey.js';
import type { EmbeddedEngine } from '../engine/embedded/engine.js';
import type { Engine, EngineKind, ServiceStatus } from '../engine/engine.js';
import { hasErrorCode, UserError } from '../errors.js';
import { type ImageSettings, imageSettings } from '../postgres/image-variables.js';
import { type ServiceVariable, serviceVariables } from '../project/environment.js';
import type { ProjectLocation } from '../project/locate.js';
import type { ComposeProject, ComposeService } from '../project/model.js';
import { mountedText } from '../project/mounted-file.js';
import { maskText, secretValues } from '../project/secret-values.js';
import { postgresServices } from '../project/service-roles.js';
import type { ProjectSettings } from '../project/settings-file.js';
import { SETTINGS_FILE } from '../project/settings-path.js';
import type { ProcessRunner } from '../system/process.js';
import { type Reading, readBroken, readingOfConfig } from './reading.js';

/** Which engine is there. `expected`: the project ran on it, or it was asked for, so that its absence is a fault. */
export type EngineFact =
  | { kind: 'docker' }
  | { kind: 'embedded'; engine: EmbeddedEngine }
  | { kind: 'none'; error: UserError; expected: boolean };

/** The project's database on Docker. */
export interface RunningDatabase {
  service: ComposeService;
  container: SurveyedContainer;
}

export interface Login {
  ok: boolean;
  /** What the server said when it refused. */
  refusal: string;
}

/** How many of a container's last log lines a diagnosis reads. */
const LOG_LINES = 200;

/** What is known of a project and its machine. Everything is gathered once, when a check first asks for it. */
export interface Facts {
  readonly location: ProjectLocation;
  readonly env: NodeJS.ProcessEnv;
  readonly processes: ProcessRunner;
  /** Undefined where there is no `invctl.yaml`, or nobody asked for it. */
  readonly settings: ProjectSettings | undefined;
  readonly signal: AbortSignal;
  /** The project, read from its files. */
  readonly reading: Reading;
  /** `reading.project`; only for checks that need `config`. */
  readonly project: ComposeProject;
  /** The service that is the PostgreSQL; undefined where there is none, or more than one. */
  readonly database: ComposeService | undefined;
  /** Every service that is a PostgreSQL. */
  readonly databases: readonly ComposeService[];
  /** True in a folder that `invctl init` wrote. */
  readonly scaffold: boolean;
  engine(): Promise<EngineFact>;
  /** How long the engine took for its first answer, or how long one waits for it by now, in milliseconds. */
  engineAnswerMs(): number;
  /** Only for checks that need `docker`. */
  readonly docker: DockerSurvey;
  /** Status of every service, on either engine. */
  status(): Promise<ServiceStatus[]>;
  /** Containers of a service, newest first. */
  containersOf(service: string): Promise<SurveyedContainer[]>;
  /** Last output of a service on either engine, credentials masked. */
  logs(service: string): Promise<string[]>;
  /** Where each variable of a service comes from; empty where its files cannot be read. */
  variables(service: string): Map<string, ServiceVariable>;
  /** The running database container. Undefined on another engine, or where it is not running. */
  runningDatabase(): Promise<RunningDatabase | undefined>;
  /** What the image makes of the database's variables; undefined where there is no database. */
  databaseSettings(): ImageSettings | undefined;
  /**
   * Reads with SQL over the database's local socket, which asks for no password: the first column, a line a row.
   * Where this role is not let in, what the server says.
   */
  query(user: string, sql: string): Promise<{ lines: string[] } | { refusal: string }>;
  /** Tries a password over the network, as the app would log in. */
  login(user: string, password: string): Promise<Login | undefined>;
  /** Runs SQL as this superuser over the database's local socket, which asks for no password. Only fixes do. */
  administer(user: string, sql: string): Promise<void>;
  /** What `git` tracks of the project; undefined where it is no work tree. */
  tracked(): Promise<ReadonlySet<string> | undefined>;
  /** A path as a person of this project writes it. */
  shown(path: string): string;
  /** A path as an argument of a command that a person types: in quotes, and never the project's folder as `.`. */
  argument(path: string): string;
  /** Free text of the outside, such as a log line, without credentials. */
  mask(text: string): string;
}

export interface FactsInput {
  location: ProjectLocation;
  /** What went wrong while the project was looked for. */
  problems: readonly UserError[];
  env: NodeJS.ProcessEnv;
  processes: ProcessRunner;
  settings: ProjectSettings | undefined;
  signal: AbortSignal;
  /** The engine that was asked for, or that the project last ran on. */
  choice: EngineKind | undefined;
  /** An engine that is known to answer: nobody asks again. */
  running?: Engine;
  /** Makes the embedded engine, where that is the choice and `running` is not given. */
  embedded?: () => Promise<EmbeddedEngine>;
  /** Only these services are looked at. */
  services?: ReadonlySet<string>;
  /** The project as somebody read it already, in place of what its files say on this machine. */
  reading?: Reading;
  /** No engine is to be asked: what a check is told in its place. */
  absent?: UserError;
}

/** `invctl.yaml` of a folder, undefined where there is none. @throws UserError CONFIG_INVALID (exit 4) */
export async function settingsIn(
  location: Pick<ProjectLocation, 'directory' | 'environment'>,
): Promise<ProjectSettings | undefined> {
  if (!existsSync(join(location.directory, SETTINGS_FILE))) return undefined;
  const { readSettings } = await import('../project/settings-file.js');
  return readSettings(location);
}

export async function gatherFacts(input: FactsInput): Promise<Facts> {
  const { location, env, processes, settings, signal } = input;
  const docker = surveyDocker(processes, location, signal);
  const firstAnswer: { askedAt?: number; ms?: number } = {};
  const engine = once(async () => {
    firstAnswer.askedAt = Date.now();
    const found = await findEngine(input, docker);
    firstAnswer.ms = Date.now() - firstAnswer.askedAt;
    return found;
  });
  let reading = input.reading ?? readBroken(location, env, input.problems);
  if (!reading.project && (await engine()).kind === 'docker') {
    // Our reader refuses it; where Compose does not, Compose is right.
    const config = await docker.config();
    if ('json' in config) reading = readingOfConfig(location, config.json);
  }
  if (input.services) reading = withServices(reading, input.services);
  const databases = reading.project ? postgresServices(reading.project) : [];
  const named = settings?.services.database;
  const database =
    named === undefined
      ? databases.length === 1
        ? databases[0]
        : undefined
      : reading.project?.services[named];
  const secrets = once(() => (reading.project ? secretValues(reading.project) : []));
  const mask = (text: string) => maskText(text, secrets());
  const logCache = new Map<string, Promise<string[]>>();
  const variableCache = new Map<string, Map<string, ServiceVariable>>();
  const loginCache = new Map<string, Promise<Login | undefined>>();

  const containersOf = async (service: string) =>
    (await docker.containers())
      .filter(({ Config }) => Config.Labels?.[LABEL_SERVICE] === service)
      .sort((a, b) => b.Created.localeCompare(a.Created));

  const facts: Facts = {
    location,
    env,
    processes,
    settings,
    signal,
    reading,
    get project() {
      if (!reading.project) throw new Error('a check that needs no `config` asked for the project');
      return reading.project;
    },
    database,
    databases,
    scaffold: existsSync(join(location.directory, '.invctl', 'lock.json')),
    engine,
    engineAnswerMs: () =>
      firstAnswer.ms ?? (firstAnswer.askedAt === undefined ? 0 : Date.now() - firstAnswer.askedAt),
    docker,
    status: once(async () => {
      const found = await engine();
      if (found.kind === 'embedded') return found.engine.status(location);
      const { serviceStatuses } = await import('../engine/compose/parse.js');
      return serviceStatuses(await docker.containers());
    }),
    containersOf,
    logs(service) {
      const known = logCache.get(service) ?? readLogs(service);
      logCache.set(service, known);
      return known;
    },
    variables(service) {
      const known = variableCache.get(service) ?? readVariables(reading, service);
      variableCache.set(service, known);
      return known;
    },
    runningDatabase: once(async () => {
      if (!database || (await engine()).kind !== 'docker') return undefined;
      const container = (await containersOf(database.name)).find(({ State }) => State.Status === 'running');
      return container ? { service: database, container } : undefined;
    }),
    databaseSettings: once(() =>
      database
        ? imageSettings(database, (path) =>
            mountedText(facts.project, database, path, reading.loaded?.environment.lookup),
          )
        : undefined,
    ),
    query,
    login(user, password) {
      const key = `${user}\n${password}`;
      const known = loginCache.get(key) ?? tryLogin(user, password);
      loginCache.set(key, known);
      return known;
    },
    administer,
    tracked: once(async () => {
      const result = await processes
        .run('git', ['ls-files', '-z'], { cwd: location.directory, allowFailure: true })
        .catch((error: unknown) => {
          if (error instanceof UserError && error.code === 'PROGRAM_NOT_FOUND') return undefined;
          throw error;
        });
      if (result?.status !== 0) return undefined;
      return new Set(result.stdout.split('\0').filter((path) => path !== ''));
    }),
    shown(path) {
      const inside = relative(location.directory, path);
      return inside.startsWith('..') ? path : inside || '.';
    },
    argument(path) {
      const shown = facts.shown(path);
      return `'${(shown === '.' ? path : shown).replaceAll("'", "'\\''")}'`;
    },
    mask,
  };
  return facts;

  async function readLogs(service: string): Promise<string[]> {
    const found = await engine();
    if (found.kind === 'embedded') {
      const lines: string[] = [];
      const options = { services: [service], tail: LOG_LINES };
      for await (const entry of found.engine.logs(location, options)) lines.push(mask(entry.line));
      return lines;
    }
    const [newest] = await containersOf(service);
    if (!newest) return [];
    return (await docker.logs(newest.Id, LOG_LINES)).map(mask);
  }

  async function administer(user: string, sql: string): Promise<void> {
    const found = await engine();
    if (found.kind === 'embedded') {
      const { socketFolder, port } = await found.engine.connection(location, database?.name);
      const done = await withClient(
        { host: socketFolder, port, user, database: 'template1' },
        async (client) => {
          await client.query(sql);
        },
      );
      if (!done?.ok) throw new Error('the database did not take the statement');
      return;
    }
    const running = await facts.runningDatabase();
    if (!running) throw new Error('the database is not running');
    const command = ['psql', '-XqU', user, '-v', 'ON_ERROR_STOP=1', '-d', 'template1'];
    const { status, stderr } = await docker.exec(running.container.Id, command, sql);
    if (status !== 0) throw new Error(mask(stderr.trim()));
  }

  async function query(user: string, sql: string): Promise<{ lines: string[] } | { refusal: string }> {
    const found = await engine();
    if (found.kind === 'embedded') {
      const { socketFolder: host, port } = await found.engine.connection(location, database?.name);
      const lines: string[] = [];
      const done = await withClient({ host, port, user, database: 'template1' }, async (client) => {
        const { rows } = await client.query<string[]>({ text: sql, rowMode: 'array' });
        lines.push(...rows.map(([first]) => String(first)));
      });
      return done?.ok ? { lines } : { refusal: done?.refusal ?? '' };
    }
    const running = await facts.runningDatabase();
    if (!running) return { refusal: '' };
    const command = ['psql', '-XAtqwU', user, '-d', 'template1', '-c', sql];
    const { status, stdout, stderr } = await docker.exec(running.container.Id, command);
    return status === 0
      ? { lines: stdout.split('\n').filter((line) => line !== '') }
      : { refusal: mask(stderr.trim()) };
  }

  /**
   * Through the container's own address: on 127.0.0.1 and the socket, the image's pg_hba.conf trusts everybody. The
   * password travels on standard input.
   */
  async function tryLogin(user: string, password: string): Promise<Login | undefined> {
    const found = await engine();
    if (found.kind === 'embedded') {
      const { host, port, database: name } = await found.engine.connection(location, database?.name);
      return withClient({ host, port, user, password, database: name }, async () => {});
    }
    const running = await facts.runningDatabase();
    if (!running) return undefined;
    const script =
      'IFS= read -r PGPASSWORD; export PGPASSWORD PGCONNECT_TIMEOUT=3; set -- $(hostname -i) "$1"; ' +
      'for user in "$@"; do :; done; exec psql -XAtqw -h "$1" -U "$user" -d template1 -c "select 1"';
    const result = await docker.exec(running.container.Id, ['sh', '-c', script, 'sh', user], `${password}\n`);
    if (result.status === 0) return { ok: true, refusal: '' };
    const refused = /authentication failed for user|no password supplied|role ".*" does not exist/i.test(
      result.stderr,
    );
    // Anything else, such as a server that is starting or has no psql, says nothing about the password.
    return refused ? { ok: false, refusal: mask(result.stderr.trim()) } : undefined;
  }
}

/** Connects, runs `body` and says whether the password was taken; undefined where something else went wrong. */
async function withClient(
  config: ClientConfig,
  body: (client: Client) => Promise<void>,
): Promise<Login | undefined> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ ...config, connectionTimeoutMillis: 3_000 });
  // A server that ends the connection is told of by the call that is on its way.
  client.on('error', () => {});
  try {
    await client.connect();
    await body(client);
    return { ok: true, refusal: '' };
  } catch (error) {
    // invalid_password, and invalid_authorization_specification, which is also a role that is not there
    return hasErrorCode(error, '28P01', '28000') ? { ok: false, refusal: error.message } : undefined;
  } finally {
    await client.end().catch(() => {});
  }
}

async function findEngine(input: FactsInput, docker: DockerSurvey): Promise<EngineFact> {
  if (input.absent) return { kind: 'none', error: input.absent, expected: false };
  if (input.running?.kind === 'docker') return { kind: 'docker' };
  if (input.running) return { kind: 'embedded', engine: input.running as EmbeddedEngine };
  if (input.choice === 'embedded' && input.embedded) {
    return { kind: 'embedded', engine: await input.embedded() };
  }
  try {
    await docker.versions();
    return { kind: 'docker' };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { kind: 'none', error, expected: input.choice === 'docker' };
  }
}

function withServices(reading: Reading, services: ReadonlySet<string>): Reading {
  const { project } = reading;
  if (!project) return reading;
  const kept = Object.entries(project.services).filter(([name]) => services.has(name));
  return { ...reading, project: { ...project, services: Object.fromEntries(kept) } };
}

function readVariables(reading: Reading, service: string): Map<string, ServiceVariable> {
  if (!reading.loaded) return new Map();
  return serviceVariables(reading.loaded, service, () => {});
}

function once<T>(gather: () => T): () => T {
  let known: { value: T } | undefined;
  return () => {
    known ??= { value: gather() };
    return known.value;
  };
}
