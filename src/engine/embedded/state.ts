import { existsSync, realpathSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ExitCode, hasErrorCode, UserError } from '../../errors.js';
import { locateProject, type ProjectLocation } from '../../project/locate.js';
import { explainFileError, writeFileAtomic } from '../../system/files.js';
import { makeStateFolder, stateRoot } from '../../system/state-root.js';

const processIdentity = z.object({ pid: z.int(), start: z.string() });

const launch = z.object({
  process: processIdentity,
  configHash: z.string(),
  /** ISO time. */
  startedAt: z.string(),
  /** Known if it ended while the invctl that started it still ran. */
  exitCode: z.int().optional(),
});

const httpProbe = z.object({
  port: z.int(),
  path: z.string(),
  /** False: the path is a guess, and a 404 means that the service has no health endpoint. */
  declared: z.boolean(),
});

const serverState = z.object({
  programs: z.string(),
  /** Whether it also has the client programs. */
  complete: z.boolean(),
  version: z.string(),
  superuser: z.string(),
  database: z.string(),
  dataFolder: z.string(),
  /** Folder of the local socket. Under the system's temporary folder: a socket's path has at most 107 bytes. */
  socketFolder: z.string(),
});

const serviceState = z.object({
  kind: z.enum(['postgres', 'node', 'receiver']),
  /** Port of 127.0.0.1, the same at each `up` unless another program took it. */
  port: z.int().optional(),
  /** Port in the container that it replaces. */
  targetPort: z.int().optional(),
  /** Absent after `down` or `rm`. */
  launch: launch.optional(),
  server: serverState.optional(),
  probe: httpProbe.optional(),
});

/** Digests of a package's source and of its build result. */
const buildState = z.object({
  dependencies: z.string(),
  output: z.string(),
  /** ISO time; absent in the state of an earlier version. */
  builtAt: z.string().optional(),
});

const volumeState = z.object({
  key: z.string().optional(),
  name: z.string(),
  service: z.string(),
});

const stateSchema = z.object({
  version: z.literal(1),
  project: z.string(),
  directory: z.string(),
  files: z.array(z.string()),
  services: z.record(z.string(), serviceState),
  /** By the package's folder, relative to the project's: several services may share one. */
  builds: z.record(z.string(), buildState),
  /** By the name of their folder. */
  volumes: z.record(z.string(), volumeState),
});

export type EmbeddedState = z.infer<typeof stateSchema>;
export type ServiceRecord = z.infer<typeof serviceState>;
export type ServerRecord = z.infer<typeof serverState>;
export type HttpProbe = z.infer<typeof httpProbe>;

/** The folders in which this engine keeps the state and data of one project. */
export interface StateFolders {
  root: string;
  project: string;
  logs: string;
  secrets: string;
  volumes: string;
  /** Our own programs, which replace those that a bare server lacks. */
  programs: string;
}

/**
 * Returns the folders of a project, below {@link stateRoot}. Their names depend on the project's name, as
 * those of Docker's volumes do, so a renamed project folder keeps its data.
 * @throws UserError EMBEDDED_PROJECT_NAME (exit 4) for a name that Compose would refuse too.
 */
export function stateFolders(location: ProjectLocation, env: NodeJS.ProcessEnv): StateFolders {
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(location.name)) {
    throw new UserError({
      code: 'EMBEDDED_PROJECT_NAME',
      message: `${JSON.stringify(location.name)} is not a project name: use lower-case letters, digits, _ and - only, a letter or digit first`,
      hint: 'set `name:` at the top of the compose file',
      exitCode: ExitCode.projectInvalid,
    });
  }
  const root = stateRoot(env);
  const project = join(root, 'projects', location.name);
  return {
    root,
    project,
    logs: join(project, 'logs'),
    secrets: join(project, 'secrets'),
    volumes: join(project, 'volumes'),
    programs: join(project, 'programs'),
  };
}

/** The state of one project, in memory and on disk. Writes are atomic and in order. */
export class StateStore {
  readonly folders: StateFolders;
  readonly state: EmbeddedState;
  #pending: Promise<void> = Promise.resolve();

  private constructor(folders: StateFolders, state: EmbeddedState) {
    this.folders = folders;
    this.state = state;
  }

  /**
   * Reads the project's state; it is empty for a project that never ran.
   * @throws UserError EMBEDDED_NAME_TAKEN, EMBEDDED_STATE_INVALID (exit 4)
   */
  static async open(location: ProjectLocation, env: NodeJS.ProcessEnv): Promise<StateStore> {
    const folders = stateFolders(location, env);
    const known = await readState(join(folders.project, 'state.json'));
    // The project folder does not exist any more, but its data does: it is found by the folder's earlier
    // path.
    const directory = existsSync(location.directory) ? realpathSync(location.directory) : location.directory;
    if (known && known.directory !== directory) refuseSecondOwner(known, env);
    const state: EmbeddedState = {
      ...(known ?? { version: 1, project: location.name, services: {}, builds: {}, volumes: {} }),
      directory,
      files: location.files,
    };
    return new StateStore(folders, state);
  }

  /** Returns the record of a service; adds a new one as stopped. */
  service(name: string, kind: ServiceRecord['kind']): ServiceRecord {
    const known = this.state.services[name] ?? { kind };
    this.state.services[name] = known;
    return known;
  }

  save(): Promise<void> {
    const text = JSON.stringify(this.state, undefined, 2);
    this.#pending = this.#pending
      .catch(() => {})
      .then(async () => {
        await makeStateFolder(this.folders.project, 'traversable');
        await writeFileAtomic(join(this.folders.project, 'state.json'), `${text}\n`, 0o600);
      });
    return this.#pending;
  }

  /** Removes the project's state and everything that it holds, data included. */
  async destroy(): Promise<void> {
    await this.#pending.catch(() => {});
    // The state file is removed last, so that an interrupted removal can be repeated.
    for (const folder of [
      this.folders.logs,
      this.folders.secrets,
      this.folders.volumes,
      this.folders.programs,
    ]) {
      await rm(folder, { recursive: true, force: true });
    }
    await rm(join(this.folders.project, 'state.json'), { force: true });
  }
}

async function readState(file: string): Promise<EmbeddedState | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined;
    throw explainFileError(error, file);
  }
  const parsed = stateSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new UserError({
    code: 'EMBEDDED_STATE_INVALID',
    message: `${file} is not what invctl wrote there, or a newer invctl did`,
    hint: `use that version, or move the file away: the data beside it stays, and \`invctl up\` finds it again`,
    exitCode: ExitCode.projectInvalid,
    file,
    details: { issues: z.treeifyError(parsed.error) },
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Refuses a second folder with the same project name, because the two would share one database. The folder in
 * the state keeps the name for as long as its compose files exist and give that name; otherwise the project
 * was moved to our folder.
 */
function refuseSecondOwner(known: EmbeddedState, env: NodeJS.ProcessEnv): void {
  const files = known.files.filter((file) => existsSync(file));
  if (files.length === 0 || !existsSync(known.directory)) return;
  // A separator that cannot be in a path.
  const ownFiles = { COMPOSE_FILE: files.join('\n'), COMPOSE_PATH_SEPARATOR: '\n' };
  if (locateProject(known.directory, { ...env, ...ownFiles }).name !== known.project) return;
  throw new UserError({
    code: 'EMBEDDED_NAME_TAKEN',
    message: `the project name ${known.project} belongs to ${known.directory}, which is still there; both would use one database`,
    hint: 'give one of the two another `name:` in its compose file',
    exitCode: ExitCode.projectInvalid,
    file: files[0] as string,
  });
}
