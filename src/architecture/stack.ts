import type { Secret } from '../system/secret.js';

/**
 * A project as its document and its diagrams tell of it. Everything in it follows from the files that the repository
 * keeps: paths are relative to the project, texts have their secrets masked, and nothing is of one machine.
 */
export interface Stack {
  /** What the engine calls the project; `PROJECT` where the folder's name decides. */
  name: string;
  /** False: the files give the project no name, and `name` stands for that of its folder. */
  named: boolean;
  /** Written by `invctl init`. */
  scaffold: boolean;
  composeFiles: string[];
  /** In the order in which they can start. */
  services: StackService[];
  networks: StackNetwork[];
  volumes: StackVolume[];
  secrets: StackSecret[];
  envFiles: StackEnvFile[];
  files: ProjectFile[];
  /** Variables that the files use and that only a machine's shell or `.env` sets. */
  open: string[];
  /** Service that is the PostgreSQL. */
  database?: string;
  /** Service that is the app. */
  app?: string;
  /** Where services look for a PostgreSQL. */
  references: DatabaseUse[];
  checks: JudgedCheck[];
  checklist: JudgedCheck[];
}

export interface DatabaseUse {
  service: string;
  variable: string;
  host: string;
  /** The service behind that host; absent: outside of the project. */
  target?: string;
}

export interface StackService {
  name: string;
  /** What its image is known for: `PostgreSQL`. */
  kind?: string;
  image?: string;
  build?: StackBuild;
  command?: string;
  user?: string;
  restart?: string;
  profiles: string[];
  containerName?: string;
  ports: StackPort[];
  mounts: StackMount[];
  secrets: { name: string; target: string }[];
  dependsOn: { service: string; condition: string; required: boolean }[];
  health?: StackHealth;
  networks: string[];
  networkMode?: string;
  variables: StackVariable[];
  /** File of its source that names most of its variables. */
  settingsIn?: string;
  /** Port that its program listens on inside of the networks, where that is known. */
  listens?: string;
  memory?: string;
  cpus?: string;
  pids?: string;
  stopGrace?: string;
  readOnly: boolean;
  dropsCapabilities: boolean;
  privileged: boolean;
  /** `max-size` of its logs, or the driver that they go to. */
  logs?: string;
  /** Somebody waits for it to end. */
  oneShot: boolean;
}

export interface StackPort {
  /** Address of the machine; absent: all of them. */
  host?: string;
  /** `8080`, or `9000-9002`; absent: a free one. */
  published?: string;
  target: string;
  protocol: string;
}

export interface StackMount {
  type: string;
  /** Key of the volume, or path as the project writes it. */
  source?: string;
  target: string;
  readOnly: boolean;
  /** What the image is known to keep there. */
  holds?: string;
}

export interface StackHealth {
  /** `service` of the compose file, the path of a Dockerfile, or `inline` for one in the compose file. */
  from: string;
  test: string;
  /** Milliseconds. */
  intervalMs?: number;
  timeoutMs?: number;
  startPeriodMs?: number;
  startIntervalMs?: number;
  retries?: number;
}

export interface StackVariable {
  name: string;
  /** Null: unset in the container. */
  value: string | Secret | null;
  source: StackSource;
  /** What lost, strongest first. */
  shadows: (StackSource & { value: string | Secret | null })[];
  /** The `${…}` that took part. */
  uses: string[];
}

export interface StackSource {
  kind: 'environment' | 'env_file';
  /** The file that is read on a machine, also where its example was read in its place. */
  file: string;
  /** Each machine has its own: the value is the example's. */
  perMachine: boolean;
}

export interface StackBuild {
  /** Folder, or URL. */
  context: string;
  /** Path of the Dockerfile; absent where it is not there, or written in the compose file. */
  dockerfile?: string;
  target?: string;
  /** Names of the build arguments. */
  args: string[];
  stages: BuildStage[];
  ignore?: { file: string; rules: string[]; allowList: boolean };
  /** Secrets and env files in the build context that nothing keeps from the builder. */
  exposed: string[];
}

export interface BuildStage {
  /** `AS` name, or its number from 0. */
  name: string;
  base: string;
  /** Stages that it starts from or copies from. */
  from: string[];
  steps: { keyword: string; text: string }[];
  /** The image is made of this one. */
  final: boolean;
}

export interface StackNetwork {
  key: string;
  name: string;
  internal: boolean;
  external: boolean;
  services: string[];
}

export interface StackVolume {
  key: string;
  name: string;
  external: boolean;
  uses: { service: string; target: string; readOnly: boolean; holds?: string }[];
}

export interface StackSecret {
  name: string;
  file?: string;
  /** Variable that holds it. */
  environment?: string;
  external: boolean;
  /** `.gitignore` keeps its file out; absent: nobody knows. */
  ignored?: boolean;
  grants: {
    service: string;
    target: string;
    /** Variables of the service that name the path. */
    variables: string[];
    /** File of the service's source that names the secret: the one with its settings, or the first. */
    readIn?: string;
  }[];
}

export interface StackEnvFile {
  file: string;
  /** Committed file that explains it. */
  example?: string;
  /** Services that list it; none: the project's own `.env`, for `${…}` in the compose file. */
  services: string[];
  ignored?: boolean;
  /** Read for this document: the file itself, its example, or neither. */
  read: 'file' | 'example' | 'nothing';
  settings: Setting[];
}

/** A line of an env file, or of its example, with the comment above it. */
export interface Setting {
  name: string;
  value: string | Secret;
  /** It stands behind a `#`: a setting that may be given. */
  optional: boolean;
  comment: string;
}

export interface ProjectFile {
  path: string;
  folder: boolean;
  what: string;
  /** `.gitignore` keeps it out of the repository. */
  ignored: boolean;
}

export interface JudgedCheck {
  id: string;
  title: string;
  chapter: string;
  outcome: 'pass' | 'fail' | 'warn' | 'info' | 'unknown' | 'machine' | 'skip';
  /** Why it is unknown or skipped. */
  reason?: string;
  findings: { message: string; file?: string }[];
}
