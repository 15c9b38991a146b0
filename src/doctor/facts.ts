import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { DatabaseAccess, Session } from '../engine/database-access.js';
import type { Engine, EngineKind } from '../engine/engine.js';
import { createEngine } from '../engine/select.js';
import type { ServiceStatus } from '../engine/service-status.js';
import type { DockerSurvey, SurveyedContainer } from '../engine/survey.js';
import { UserError } from '../errors.js';
import { type ImageSettings, imageSettings } from '../postgres/image-variables.js';
import { type ServiceVariable, serviceVariables } from '../project/environment.js';
import type { ProjectLocation } from '../project/locate.js';
import type { ComposeProject, ComposeService } from '../project/model.js';
import { mountedText } from '../project/mounted-file.js';
import { maskText, secretValues } from '../project/secret-values.js';
import { postgresServices } from '../project/service-roles.js';
import type { ProjectSettings } from '../project/settings-file.js';
import { shellWord } from '../system/argv.js';
import type { ProcessRunner } from '../system/process.js';
import { databaseQuestions } from './database-questions.js';
import type { DeployedFact } from './deployed.js';
import { type Reading, readBroken, readingOfConfig } from './reading.js';

/**
 * Which engine answers. `expected`: the project ran on it, or it was asked for, so that its absence is a
 * fault.
 */
export type EngineFact =
  | { kind: EngineKind; engine: Engine }
  | { kind: 'none'; error: UserError; expected: boolean };

/** The project's database on Docker. */
export interface RunningDatabase {
  service: ComposeService;
  container: SurveyedContainer;
}

/** How many of a container's last log lines the doctor reads. */
const LOG_LINES = 200;

/**
 * What is known about a project and its machine. Each fact is gathered once, when a check first asks for it.
 */
export interface Facts {
  readonly location: ProjectLocation;
  readonly env: NodeJS.ProcessEnv;
  readonly processes: ProcessRunner;
  /** Undefined when there is no `invctl.yaml`, or it was not read. */
  readonly settings: ProjectSettings | undefined;
  readonly signal: AbortSignal;
  /** The project, read from its files. */
  readonly reading: Reading;
  /** `reading.project`; only for checks that need `config`. */
  readonly project: ComposeProject;
  /** The service that runs PostgreSQL; undefined when there is none, or more than one. */
  readonly database: ComposeService | undefined;
  /** Every service that runs PostgreSQL. */
  readonly databases: readonly ComposeService[];
  /** True in a folder that `invctl init` wrote. */
  readonly scaffold: boolean;
  engine(): Promise<EngineFact>;
  /** How long the engine took for its first answer, or has taken so far, in milliseconds. */
  engineAnswerMs(): number;
  /** Only for checks that need `docker`. */
  readonly docker: DockerSurvey;
  /** Facts that only Docker has; undefined on another engine, or when none answers. */
  survey(): Promise<DockerSurvey | undefined>;
  /** The engine that the project does not run on; it may not answer. */
  otherEngine(): Promise<Engine>;
  /** Status of every service, on either engine. */
  status(): Promise<ServiceStatus[]>;
  /** Containers of a service, newest first; empty on an engine other than Docker. */
  containersOf(service: string): Promise<SurveyedContainer[]>;
  /** Last output of a service on either engine, credentials masked. */
  logs(service: string): Promise<string[]>;
  /** Where each variable of a service comes from; empty when its files cannot be read. */
  variables(service: string): Map<string, ServiceVariable>;
  /** The running database container. Undefined on another engine, or when it is not running. */
  runningDatabase(): Promise<RunningDatabase | undefined>;
  /** The settings that the image derives from the database's variables; undefined without a database. */
  databaseSettings(): ImageSettings | undefined;
  /**
   * Runs an SQL query over the database's local socket, which asks for no password. When the role is not let
   * in, returns the server's message.
   */
  query<Row>(user: string, sql: string): Promise<{ rows: Row[] } | { refusal: string }>;
  /**
   * Whether the server accepts a password over the network, as the app would log in. Undefined when the
   * answer was not about the password.
   */
  login(user: string, password: string): Promise<boolean | undefined>;
  /**
   * A session with a database of the server, template1 by default, over its local socket, which asks for no
   * password.
   * @throws UserError SERVICE_NOT_RUNNING, SQL_FAILED
   */
  session(role: string, options?: { database?: string; settings?: readonly string[] }): Promise<Session>;
  /** The project as an orchestrator runs it, if it was deployed to one. */
  deployed(): Promise<DeployedFact>;
  /** Files of the project that `git` tracks; undefined when it is not a work tree. */
  tracked(): Promise<ReadonlySet<string> | undefined>;
  /** A path as a person in this project writes it. */
  shown(path: string): string;
  /** A path as an argument of a command that a person types: in quotes, and never the project's folder as `.`. */
  argument(path: string): string;
  /** Text from outside, such as a log line, without credentials. */
  mask(text: string): string;
}

export interface FactsInput {
  location: ProjectLocation;
  /** Errors of the search for the project. */
  problems: readonly UserError[];
  env: NodeJS.ProcessEnv;
  processes: ProcessRunner;
  settings: ProjectSettings | undefined;
  signal: AbortSignal;
  warn?: (message: string) => void;
  /** The engine that was asked for, or that the project last ran on. */
  choice: EngineKind | undefined;
  /** An engine that is known to answer, so that it is not asked again. */
  running?: Engine;
  /** Only these services are examined. */
  services?: ReadonlySet<string>;
  /** The project as it was already read, in place of what its files say on this machine. */
  reading?: Reading;
  /** Finds where the project is deployed; default: nowhere. */
  deployed?: (project: ComposeProject) => Promise<DeployedFact>;
  /** Ask no engine; checks get this error instead. */
  absent?: UserError;
}

export async function gatherFacts(input: FactsInput): Promise<Facts> {
  const { location, env, processes, settings, signal } = input;
  const open = (kind: EngineKind) =>
    createEngine(kind, { processes, env, signal, warn: input.warn ?? (() => {}) });
  const ofDocker = input.running?.survey ? input.running : await open('docker');
  const docker = ofDocker.survey?.(location, signal) as DockerSurvey;
  const { engine, engineAnswerMs } = timed(() => findEngine(input, docker, open, ofDocker));
  let reading = input.reading ?? readBroken(location, env, input.problems);
  const survey = once(async () => {
    const found = await engine();
    return found.kind !== 'none' && found.engine.survey ? docker : undefined;
  });
  if (!reading.project) {
    // Our own reader refuses the project; Compose decides, and may accept it.
    const config = await (await survey())?.config();
    if (config && 'json' in config) reading = readingOfConfig(location, config.json);
  }
  if (input.services) reading = withServices(reading, input.services);
  const databases = reading.project ? postgresServices(reading.project) : [];
  const named = settings?.services.database;
  const only = databases.length === 1 ? databases[0] : undefined;
  const database = named === undefined ? only : reading.project?.services[named];
  const secrets = once(() => (reading.project ? secretValues(reading.project) : []));
  const mask = (text: string) => maskText(text, secrets());

  const containersOf = async (service: string) => (await (await survey())?.containersOf(service)) ?? [];

  async function accessToDatabase(): Promise<DatabaseAccess> {
    const found = await engine();
    if (found.kind === 'none') throw found.error;
    if (!database) throw new Error('a check without a database asked for it');
    return found.engine.database(location, database.name);
  }

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
    engineAnswerMs,
    docker,
    survey,
    otherEngine: async () =>
      open((await survey()) || (await engine()).kind === 'none' ? 'embedded' : 'docker'),
    status: once(async () => {
      const found = await engine();
      if (found.kind === 'none') throw found.error;
      return (await survey())?.status() ?? found.engine.status(location);
    }),
    containersOf,
    logs: oncePerName((service) => readLogs(facts, service)),
    variables: oncePerName((service) => readVariables(reading, service)),
    runningDatabase: once(async () => {
      if (!database) return undefined;
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
    ...databaseQuestions(accessToDatabase, mask, signal),
    deployed: once(async () => (reading.project ? input.deployed?.(reading.project) : undefined)),
    tracked: once(() => trackedFiles(processes, location.directory)),
    ...pathsFrom(location.directory),
    mask,
  };
  return facts;
}

function pathsFrom(directory: string): Pick<Facts, 'shown' | 'argument'> {
  const shown = (path: string) => {
    const inside = relative(directory, path);
    return inside.startsWith('..') ? path : inside || '.';
  };
  return {
    shown,
    argument(path) {
      const short = shown(path);
      return shellWord(short === '.' ? path : short);
    },
  };
}

/** Looks for the engine once, and measures how long its first answer takes. */
function timed(find: () => Promise<EngineFact>): Pick<Facts, 'engine' | 'engineAnswerMs'> {
  let askedAt: number | undefined;
  let answerMs: number | undefined;
  return {
    engine: once(async () => {
      askedAt = Date.now();
      const found = await find();
      answerMs = Date.now() - askedAt;
      return found;
    }),
    engineAnswerMs: () => answerMs ?? (askedAt === undefined ? 0 : Date.now() - askedAt),
  };
}

async function readLogs(facts: Facts, service: string): Promise<string[]> {
  const found = await facts.engine();
  if (found.kind === 'none') throw found.error;
  if (found.engine.survey) {
    const [newest] = await facts.containersOf(service);
    return newest ? (await facts.docker.logs(newest.Id, LOG_LINES)).map(facts.mask) : [];
  }
  const lines: string[] = [];
  const options = { services: [service], tail: LOG_LINES };
  for await (const entry of found.engine.logs(facts.location, options)) lines.push(facts.mask(entry.line));
  return lines;
}

/** Paths that git tracks; undefined outside of a repository, or without git. */
async function trackedFiles(processes: ProcessRunner, directory: string): Promise<Set<string> | undefined> {
  const result = await processes
    .run('git', ['ls-files', '-z'], { cwd: directory, allowFailure: true })
    .catch((error: unknown) => {
      if (error instanceof UserError && error.code === 'PROGRAM_NOT_FOUND') return undefined;
      throw error;
    });
  if (result?.status !== 0) return undefined;
  return new Set(result.stdout.split('\0').filter((path) => path !== ''));
}

async function findEngine(
  input: FactsInput,
  docker: DockerSurvey,
  open: (kind: EngineKind) => Promise<Engine>,
  ofDocker: Engine,
): Promise<EngineFact> {
  if (input.absent) return { kind: 'none', error: input.absent, expected: false };
  if (input.running) return { kind: input.running.kind, engine: input.running };
  if (input.choice === 'embedded') return { kind: 'embedded', engine: await open('embedded') };
  try {
    await docker.versions();
    return { kind: 'docker', engine: ofDocker };
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

function oncePerName<T>(gather: (name: string) => T): (name: string) => T {
  const known = new Map<string, { value: T }>();
  return (name) => {
    const found = known.get(name) ?? { value: gather(name) };
    known.set(name, found);
    return found.value;
  };
}

function once<T>(gather: () => T): () => T {
  let known: { value: T } | undefined;
  return () => {
    known ??= { value: gather() };
    return known.value;
  };
}
