import type { Readable } from 'node:stream';
import { UserError } from '../errors.js';
import type { ComposeConfig } from '../project/from-config.js';
import type { ProjectLocation } from '../project/locate.js';
import type { ComposeProject, ComposeService } from '../project/model.js';
import type { ProcessRunner } from '../system/process.js';
import type { Engine } from './engine.js';

/** A project of its own, made of services of another. */
export interface Trial {
  engine: Engine;
  location: ProjectLocation;
}

/** A volume by its key in the compose file, and by the engine's name for it. */
export interface TrialVolume {
  key: string;
  name: string;
}

/** A volume that an upgrade left as it was. */
export interface LeftVolume {
  /** The engine's. */
  name: string;
  /** Of the server that it was for, and its image. */
  major: number;
  image: string;
  /** Where it was mounted, and the data folder in it. */
  target: string;
  dataDirectory: string;
}

/** @param users services, or whoever else has it. */
export function volumeInUse(name: string, users: readonly string[]): UserError {
  return new UserError({
    code: 'VOLUME_IN_USE',
    message: `the volume ${name} from before the upgrade is in use by ${users.join(', ')}`,
    hint: 'was the upgrade taken back?  make the edit of the compose file again, then invctl up      (or keep the volume)',
  });
}

/** From which major of PostgreSQL to which. */
export interface ServerMove {
  from: number;
  to: number;
  /** The later server's image. */
  image: string;
}

export interface TrialInput {
  /** Of the trial's own project. */
  name: string;
  /** The project that services are taken from. */
  config: ComposeConfig;
  /** What of it the trial is to have. */
  services: readonly string[];
  /** An empty volume of the project, for the trial's database. */
  volume: TrialVolume;
  move: ServerMove;
}

/** A second server on the project's own data volume, beside the live one and in a folder of its own. */
export interface BesideInput {
  name: string;
  project: ComposeProject;
  /** The database. */
  service: ComposeService;
  /** Of the live server, as it names it. */
  dataDirectory: string;
  /** The second server's, in the first one's. */
  folder: string;
}

/** Such a server, not started yet. */
export interface BesideTrial extends Trial {
  /**
   * Runs a program where the data folder is, as the user that the server runs as; also where no server runs.
   * @param command its output is also what it says of errors.
   */
  runOnData(command: readonly string[], input: Readable): Promise<{ status: number; output: string }>;
}

/** What moves a project's database to a server of a later major, beyond what an {@link Engine} does for everybody. */
export interface Trials {
  /** The project's engine, which goes on after a Ctrl-C: for taking back. */
  readonly engine: Engine;
  /** What the compose file says in place of what a running server says of itself. */
  declared(
    service: ComposeService,
    running: { major: number; dataDirectory: string },
  ): { imageMajor: number; dataDirectory: string };
  /**
   * The project with another text for one of its files, resolved.
   * @throws UserError COMPOSE_INVALID and others of exit 4
   */
  configWith(location: ProjectLocation, file: string, text: string): Promise<ComposeConfig>;
  /** @throws UserError VOLUME_EXISTS */
  assertNoVolume(location: ProjectLocation, volume: TrialVolume): Promise<void>;
  /**
   * Sees to it that the later server can be started here.
   *
   * @param confirmPull asked where its image must be fetched; throws to stop.
   * @returns the project's engine, beside whose servers run client programs that dump the earlier one and load into
   *   the later one.
   * @throws UserError IMAGE_NOT_PULLED, EMBEDDED_POSTGRES_MISSING (exit 3)
   */
  provide(move: ServerMove, confirmPull: (image: string) => Promise<void>): Promise<Engine>;
  /**
   * Makes the trial's project, with nothing of it running yet.
   * @throws UserError EMBEDDED_POSTGRES_MISSING (exit 3)
   */
  prepare(location: ProjectLocation, input: TrialInput): Promise<Trial>;
  /**
   * Makes a trial's project of the database alone, on the volume that the live one has; a volume that is gone is made.
   * @throws UserError PROTECTION_IMPOSSIBLE where its data lies in no volume and no folder.
   */
  prepareBeside(location: ProjectLocation, input: BesideInput): Promise<BesideTrial>;
  /** Ends a trial and removes all of it but the volume, which the project has from then on. */
  release(location: ProjectLocation, name: string, service: string, volume: TrialVolume): Promise<void>;
  /** Removes all that there is of a trial, whatever became of it; a volume of the project is none of it. */
  remove(location: ProjectLocation, name: string): Promise<void>;
  /** Removes a volume of the project; nothing where there is none. */
  removeVolume(location: ProjectLocation, name: string): Promise<void>;
  /**
   * Asks a server that was stopped, by PostgreSQL's single-user mode: nobody can connect.
   * @returns all that it says
   */
  askStopped(
    location: ProjectLocation,
    service: ComposeService,
    database: string,
    statement: string,
  ): Promise<string>;
  /**
   * Asks the server of a volume that an upgrade left, as {@link askStopped} does.
   * @returns undefined where the volume or its server is not here any more.
   * @throws UserError VOLUME_IN_USE: two servers on one data folder destroy it, and from two containers they do not
   *   see each other.
   */
  askLeft(
    location: ProjectLocation,
    service: ComposeService,
    volume: LeftVolume,
    database: string,
    statement: string,
  ): Promise<string | undefined>;
}

export interface TrialDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  warn: (message: string) => void;
}
