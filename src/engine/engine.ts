import type { Readable, Writable } from 'node:stream';
import type { ProjectLocation } from '../project/locate.js';
import type { ComposeProject } from '../project/model.js';
import type { Secret } from '../system/secret.js';
import type { DatabaseAccess } from './database-access.js';
import type { ServiceStatus } from './service-status.js';
import type { DockerSurvey } from './survey.js';

export type EngineKind = 'docker' | 'embedded';

export interface EngineInfo {
  kind: EngineKind;
  /** Engine version, or that of the embedded PostgreSQL. */
  version: string;
  composeVersion?: string;
  /** What a person should know, such as another PostgreSQL major than the stack's. */
  notices: string[];
}

export interface BuildOptions {
  services: readonly string[];
  noCache?: boolean;
  pull?: boolean;
  signal?: AbortSignal;
  /** Told whenever a step begins, and of each line that it prints. */
  onRunning?: (step: RunningStep) => void;
}

/** A step that is at work now. */
export interface RunningStep {
  service: string;
  /** As of {@link BuildStep}; also `FROM …` and `exporting to image`. */
  name: string;
  /** It ends as a {@link BuildStep}. */
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
  /** Bytes of the image that it is based on, where it is on this machine. */
  baseBytes?: number;
  steps: BuildStep[];
  seconds: number;
}

/**
 * What to build before the start: all that has a build; what is missing or whose source has changed since; what is
 * missing; nothing. The embedded engine knows no image and takes `missing` as `changed`.
 */
export type BuildChoice = 'all' | 'changed' | 'missing' | 'none';

/** A service whose build context is not what its image was built from. */
export interface OutdatedImage {
  service: string;
  /** Absolute path of the file that changed last, where one tells. */
  file?: string;
}

export interface UpOptions {
  /** Empty: every service that no profile hides. Dependencies come along. */
  services: readonly string[];
  /** Default: `missing`. */
  build?: BuildChoice;
  /**
   * Make the named services anew where they look unchanged: Compose does not look into the content of a secret's
   * file. (The embedded engine does.)
   */
  recreate?: boolean;
  /**
   * Replace what was built again and nothing else, where all else runs as the files say: Compose looks at a
   * dependency's health half a second apart.
   */
  onlyRebuilt?: boolean;
  /** Wait until every started service is healthy (running, where it declares no check; ended with 0, where it is a one-shot). */
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

/** One step of one service on its way up. A service that is left as it was has none. */
export interface ServiceEvent {
  service: string;
  phase: ServicePhase;
  /** Milliseconds since the `up` began. */
  elapsedMs: number;
  detail?: string;
  /** The last line that a running build step printed: for a display that changes in place. */
  output?: string;
}

export interface UpOutcome {
  services: ServiceStatus[];
  /** Seconds from the start of `up` until each service was ready. */
  seconds: Record<string, number>;
  /** Services that failed, or were not ready in time. Empty means success. */
  failed: { service: string; reason: 'exited' | 'unhealthy' | 'restarting' | 'timeout' | 'dependency' }[];
  /** Services that already ran and were left as they were. */
  unchanged: string[];
  /** Services whose source had changed since they were built. They were built again, but with `build: 'none'`. */
  outdated: OutdatedImage[];
}

export interface LogEntry {
  service: string;
  /** ISO time that the engine gave it, where it did. */
  time?: string;
  line: string;
}

export interface LogOptions {
  services: readonly string[];
  follow?: boolean;
  /** Lines a service; absent: all. */
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
  /** Takes standard output in place of the result's `stdout`; it is not ended. */
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
  /** Bytes on disk, where the engine can tell. */
  bytes?: number;
  createdAt?: string;
  /** Services whose container or process has it mounted. */
  services: string[];
  /** True where no container or process of this project uses it. */
  unused: boolean;
}

/** An address of this machine's loopback that leads to a port of a service. */
export interface Forward {
  host: string;
  port: number;
  /** True: it is there for as long as this process, until `close`. */
  temporary: boolean;
  /** Ends every connection through it. */
  close(): Promise<void>;
}

/** Who publishes a port of this machine, as far as the engine knows. */
export interface PortOwner {
  /** Container or process name. */
  instance: string;
  /** Compose project that it belongs to. */
  project?: string;
  service?: string;
}

export interface NetworkStatus {
  /** Key under `networks` of the compose file, where it is known. */
  key?: string;
  name: string;
  driver: string;
  /** True: containers in it reach nothing outside of it. */
  internal: boolean;
  subnets: string[];
  attached: { service: string; instance: string; address: string }[];
}

/** What the engine knows of one service beyond its status. */
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

/** What one running container or process of a service has in its environment. */
export interface LiveEnvironment {
  /** The container's name, or `pid N`. */
  instance: string;
  /** Absent where it cannot be read, or the program gets none of the service's. */
  actual?: ReadonlyMap<string, Secret>;
  /** What one that is made now would have. */
  expected: ReadonlyMap<string, Secret>;
}

/**
 * What brings a project to life: Docker Compose, or processes of this machine. Every method takes the project by
 * its location and is safe to call when nothing runs.
 *
 * Errors: UserError with exit code 3 when the engine does not answer, 4 when it refuses the project.
 */
export interface Engine {
  readonly kind: EngineKind;
  /** With a project: also what this engine makes of it, such as the PostgreSQL that it found for its image. */
  info(location?: ProjectLocation): Promise<EngineInfo>;
  /** The resolved project. */
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
  /** Removes containers (processes) and networks; with `volumes`, the named volumes and all that is in them. */
  down(location: ProjectLocation, options: { volumes: boolean; signal?: AbortSignal }): Promise<void>;
  stop(location: ProjectLocation, services: readonly string[]): Promise<void>;
  start(location: ProjectLocation, services: readonly string[]): Promise<void>;
  restart(location: ProjectLocation, services: readonly string[]): Promise<void>;
  /** Removes stopped services; with `stop`, running ones as well. Volumes stay. */
  remove(location: ProjectLocation, services: readonly string[], options: { stop: boolean }): Promise<void>;
  /** Every service of the project that has, or had, a container or process. */
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
   * Runs a program in the running service without a terminal, its streams being data, and returns whatever its
   * exit status. Out of reach of the terminal's Ctrl-C: `signal` ends our side of it, while the program itself may
   * go on in its container.
   */
  pipe(
    location: ProjectLocation,
    service: string,
    command: readonly string[],
    options: PipeOptions,
  ): Promise<PipeResult>;
  /** How one gets at a service that is a PostgreSQL. */
  database(location: ProjectLocation, service: string): DatabaseAccess;
  /** Runs a program in a new one-off container (process) of the service, with its dependencies up. */
  run(
    location: ProjectLocation,
    service: string,
    command: readonly string[],
    options: ExecOptions,
  ): Promise<number>;
  /**
   * Opens a way to a port of the running service for a program of this machine; nothing is published for it.
   * @param options `target`: port in the container; `port`: of this machine, absent: any that is free
   * @throws UserError SERVICE_NOT_RUNNING, FORWARD_FAILED, PORT_IN_USE
   */
  forward(
    location: ProjectLocation,
    service: string,
    options: { target: number; port?: number },
  ): Promise<Forward>;
  /** Who publishes this port of this machine; undefined when the engine publishes it for nobody. */
  portOwner(location: ProjectLocation, port: number): Promise<PortOwner | undefined>;
  /** @throws UserError SERVICE_NOT_RUNNING where the service has no container or process. */
  inspect(location: ProjectLocation, service: string): Promise<ServiceDetails[]>;
  /** `ENV` of images by the names asked for; those that the engine does not have are left out. */
  imageEnvironments(images: readonly string[]): Promise<Map<string, Record<string, string>>>;
  /**
   * The environment of every running container (process) of these services, by service, beside the one that it would
   * get now. What the engine gives for the machine's sake is left out.
   */
  environments(
    location: ProjectLocation,
    services: readonly string[],
  ): Promise<Map<string, LiveEnvironment[]>>;
  /** What Docker alone can say of a project; absent on every other engine. */
  survey?(location: ProjectLocation, signal?: AbortSignal): DockerSurvey;
  networks(location: ProjectLocation): Promise<NetworkStatus[]>;
  volumes(location: ProjectLocation): Promise<VolumeStatus[]>;
  /** Removes a volume and all that is in it. */
  removeVolume(location: ProjectLocation, name: string): Promise<void>;
}
