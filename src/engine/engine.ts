import type { Readable, Writable } from 'node:stream';
import type { ProjectLocation } from '../project/locate.js';
import type { ComposeProject } from '../project/model.js';
import type { ReplacedVolume } from '../project/replaced-volumes.js';
import type { Secret } from '../system/secret.js';
import type { DatabaseAccess } from './database-access.js';
import type { ServiceStatus } from './service-status.js';
import type { DockerSurvey } from './survey.js';

export type EngineKind = 'docker' | 'embedded';

export interface EngineInfo {
  kind: EngineKind;
  /** Version of the engine, or of the embedded PostgreSQL. */
  version: string;
  composeVersion?: string;
  /** Notices for the user, such as a PostgreSQL major that differs from the stack's. */
  notices: string[];
}

export interface BuildOptions {
  services: readonly string[];
  noCache?: boolean;
  pull?: boolean;
  /** Build arguments beside those of the compose file. */
  args?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  /** Called when a step begins, and for each line that it prints. */
  onRunning?: (step: RunningStep) => void;
}

/** A step that is running. */
export interface RunningStep {
  service: string;
  /** As in {@link BuildStep}; also `FROM …` and `exporting to image`. */
  name: string;
  /** Whether it ends as a {@link BuildStep}. */
  instruction: boolean;
  /** The last line that it printed. */
  output?: string;
}

export interface BuildStep {
  service: string;
  /** The instruction, e.g. `RUN npm ci --omit=dev`. */
  name: string;
  cached: boolean;
  seconds?: number;
}

export interface BuildResult {
  service: string;
  /** Image tag, or the folder of an embedded build. */
  image: string;
  bytes?: number;
  /** Bytes of its base image, if that is on this machine. */
  baseBytes?: number;
  steps: BuildStep[];
  seconds: number;
}

/**
 * Which services to build before the start: all that have a `build`; those that have no image or whose source
 * changed; those that have no image; none. The embedded engine has no images and treats `missing` as
 * `changed`.
 */
export type BuildChoice = 'all' | 'changed' | 'missing' | 'none';

/** A service whose build context differs from what its image was built from. */
export interface OutdatedImage {
  service: string;
  /** Absolute path of the file that changed last, if it is known. */
  file?: string;
}

export interface UpOptions {
  /** Empty: every service that no profile hides. Dependencies are included. */
  services: readonly string[];
  /** Default: `missing`. */
  build?: BuildChoice;
  /**
   * Recreate the named services even if they look unchanged, because Compose does not look at the content of
   * a secret's file. (The embedded engine does.)
   */
  recreate?: boolean;
  /**
   * Recreate only the services that were built again, if all others run as the files say. This saves time:
   * Compose checks a dependency's health every half second.
   */
  onlyRebuilt?: boolean;
  /**
   * Checks that run beside the build: awaited before any container changes. A rejection ends the call.
   */
  checks?: Promise<void>;
  /**
   * Builds without the checks that a Dockerfile can do later, if it declares so by `ARG INVCTL_CHECKS`:
   * `UpOutcome.unchecked`.
   */
  checkLater?: boolean;
  /**
   * Wait until every started service is healthy, runs (if it declares no check), or ended with 0 (if it is a
   * one-shot).
   */
  wait: boolean;
  timeoutMs: number;
  signal?: AbortSignal;
}

export type ServicePhase =
  | 'building'
  | 'created'
  | 'starting'
  | 'running'
  | 'healthy'
  | 'completed'
  | 'failed';

/** One step of one service during `up`. A service that is left as it was has none. */
export interface ServiceEvent {
  service: string;
  phase: ServicePhase;
  /** Milliseconds since the `up` began. */
  elapsedMs: number;
  detail?: string;
  /** The last line that a running build step printed, for a display that changes in place. */
  output?: string;
}

export interface UpOutcome {
  services: ServiceStatus[];
  /** Seconds from the start of `up` until each service was ready. */
  seconds: Record<string, number>;
  /** Services that failed, or were not ready in time. Empty: success. */
  failed: { service: string; reason: 'exited' | 'unhealthy' | 'restarting' | 'timeout' | 'dependency' }[];
  /** Services that already ran and were left as they were. */
  unchanged: string[];
  /**
   * Services whose source had changed since their last build. They were built again, unless `build` is
   * `none`.
   */
  outdated: OutdatedImage[];
  /** Services that were built without some checks. `build` does them; until then they count as outdated. */
  unchecked?: string[];
  /** Volumes that services had, and that they were not given again. */
  replaced?: ReplacedVolume[];
  /** Another folder with a project of this name, whose containers these were. */
  otherFolder?: string;
}

export interface LogEntry {
  service: string;
  /** ISO time that the engine recorded, if it did. */
  time?: string;
  line: string;
}

export interface LogOptions {
  services: readonly string[];
  follow?: boolean;
  /** Number of lines per service; absent: all. */
  tail?: number;
  /** ISO time. */
  since?: string;
  signal?: AbortSignal;
}

export interface ExecOptions {
  /** Gives the program a terminal. */
  tty?: boolean;
  env?: Record<string, string>;
  user?: string;
  workdir?: string;
  stdin?: Readable | 'inherit' | 'ignore';
  stdout?: Writable | 'inherit';
}

export interface PipeOptions {
  env?: Record<string, string>;
  user?: string;
  input?: string | Readable;
  /** Receives standard output, instead of the result's `stdout`; it is not ended. */
  output?: Writable;
  signal?: AbortSignal;
}

export interface PipeResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface VolumeStatus {
  /** Key under `volumes` of the compose file; absent for an anonymous volume. */
  key?: string;
  /** The engine's name for it. */
  name: string;
  driver: string;
  mountpoint: string;
  /** Bytes on disk, if the engine knows them. */
  bytes?: number;
  createdAt?: string;
  /** Services whose container or process has the volume mounted. */
  services: string[];
  /** True if no container or process of this project uses it. */
  unused: boolean;
}

/** An address of this machine's loopback that leads to a port of a service. */
export interface Forward {
  host: string;
  port: number;
  /** True: it exists for as long as this process, until `close`. */
  temporary: boolean;
  /** Ends every connection through it and closes it. */
  close(): Promise<void>;
}

/** The program that publishes a port of this machine, as far as the engine knows. */
export interface PortOwner {
  /** Name of the container or process. */
  instance: string;
  /** Compose project that it belongs to. */
  project?: string;
  service?: string;
}

export interface NetworkStatus {
  /** Key under `networks` of the compose file, if it is known. */
  key?: string;
  name: string;
  driver: string;
  /** True: its containers cannot reach anything outside of it. */
  internal: boolean;
  subnets: string[];
  attached: { service: string; instance: string; address: string }[];
}

/** Details of one service beyond its status. */
export interface ServiceDetails extends ServiceStatus {
  image?: string;
  /** Digest of the image that it runs. */
  imageId?: string;
  command: string[];
  user?: string;
  mounts: { type: string; source: string; target: string; readOnly: boolean }[];
  networks: string[];
  /** Bytes; absent: no limit. */
  memoryLimit?: number;
  /** Processors; absent: no limit. */
  cpuLimit?: number;
  pidsLimit?: number;
  restartPolicy?: string;
  readOnlyRoot?: boolean;
  capabilities?: { add: string[]; drop: string[] };
  /** Environment with the values of secrets redacted. */
  environment: Record<string, string>;
}

/** The environment of one running container or process of a service. */
export interface LiveEnvironment {
  /** The container's name, or `pid N`. */
  instance: string;
  /** Absent if it cannot be read, or if the program gets none of the service's variables. */
  actual?: ReadonlyMap<string, Secret>;
  /** The environment that a new container or process would get. */
  expected: ReadonlyMap<string, Secret>;
}

/**
 * Runs a project: with Docker Compose, or as processes of this machine. Every method takes the project by its
 * location and is safe to call when nothing runs. Errors: UserError with exit code 3 if the engine does not
 * answer, 4 if it refuses the project.
 */
export interface Engine {
  readonly kind: EngineKind;
  /**
   * With a project: also how this engine runs it, such as the PostgreSQL that it found for the project's
   * image.
   */
  info(location?: ProjectLocation): Promise<EngineInfo>;
  /** Returns the resolved project. */
  resolve(location: ProjectLocation): Promise<ComposeProject>;
  build(
    location: ProjectLocation,
    options: BuildOptions,
    onStep: (step: BuildStep) => void,
  ): Promise<BuildResult[]>;
  up(
    location: ProjectLocation,
    options: UpOptions,
    onEvent: (event: ServiceEvent) => void,
  ): Promise<UpOutcome>;
  /**
   * Removes containers (processes) and networks; with `volumes`, also the named volumes and all their data.
   */
  down(location: ProjectLocation, options: { volumes: boolean; signal?: AbortSignal }): Promise<void>;
  stop(location: ProjectLocation, services: readonly string[]): Promise<void>;
  start(location: ProjectLocation, services: readonly string[]): Promise<void>;
  /** @throws UserError NOT_HEALTHY (exit 6) from an engine that waits for them */
  restart(location: ProjectLocation, services: readonly string[]): Promise<void>;
  /** Removes stopped services; with `stop`, also running ones. Volumes stay. */
  remove(location: ProjectLocation, services: readonly string[], options: { stop: boolean }): Promise<void>;
  /** Returns the status of every service that has, or had, a container or process. */
  status(location: ProjectLocation): Promise<ServiceStatus[]>;
  logs(location: ProjectLocation, options: LogOptions): AsyncIterable<LogEntry>;
  /** Runs a program in the running service and returns its exit status. */
  exec(
    location: ProjectLocation,
    service: string,
    command: readonly string[],
    options: ExecOptions,
  ): Promise<number>;
  /**
   * Runs a program in the running service without a terminal, with data as its streams, and returns whatever
   * its exit status is. The terminal's Ctrl-C does not reach it: `signal` ends our side, while the program
   * itself may continue in its container.
   */
  pipe(
    location: ProjectLocation,
    service: string,
    command: readonly string[],
    options: PipeOptions,
  ): Promise<PipeResult>;
  /** Returns the access to a service that is a PostgreSQL. */
  database(location: ProjectLocation, service: string): DatabaseAccess;
  /** Runs a program in a new one-off container (process) of the service, with its dependencies up. */
  run(
    location: ProjectLocation,
    service: string,
    command: readonly string[],
    options: ExecOptions,
  ): Promise<number>;
  /**
   * Makes a port of the running service reachable for programs of this machine; nothing is published.
   * @param options `target`: port in the container; `port`: of this machine, absent: any that is free
   * @throws UserError SERVICE_NOT_RUNNING, FORWARD_FAILED, PORT_IN_USE
   */
  forward(
    location: ProjectLocation,
    service: string,
    options: { target: number; port?: number },
  ): Promise<Forward>;
  /** Returns the owner of this port of this machine; undefined if the engine does not publish it. */
  portOwner(location: ProjectLocation, port: number): Promise<PortOwner | undefined>;
  /** @throws UserError SERVICE_NOT_RUNNING if the service has no container or process. */
  inspect(location: ProjectLocation, service: string): Promise<ServiceDetails[]>;
  /** Returns the `ENV` of images by the requested names; those that the engine does not have are left out. */
  imageEnvironments(images: readonly string[]): Promise<Map<string, Record<string, string>>>;
  /**
   * Returns the environment of every running container (process) of these services, by service, beside the
   * one that it would get now. Variables that the engine sets for the machine are left out.
   */
  environments(
    location: ProjectLocation,
    services: readonly string[],
  ): Promise<Map<string, LiveEnvironment[]>>;
  /** Returns facts about a project that only Docker has; absent on every other engine. */
  survey?(location: ProjectLocation, signal?: AbortSignal): DockerSurvey;
  networks(location: ProjectLocation): Promise<NetworkStatus[]>;
  volumes(location: ProjectLocation): Promise<VolumeStatus[]>;
  /** Removes a volume and all its data. */
  removeVolume(location: ProjectLocation, name: string): Promise<void>;
}
