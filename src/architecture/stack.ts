import type { Secret } from '../system/secret.js';

/**
 * A project as input of its document and diagrams. Everything in it comes from the files in the repository:
 * paths are relative to the project, secrets in texts are masked, and nothing is specific to one machine.
 */
export interface Stack {
  /** Name of the project in the engine; `PROJECT` if it depends on the folder's name. */
  name: string;
  /** False: the files do not name the project, and `name` is a placeholder for the folder's name. */
  named: boolean;
  /** Written by `invctl init`. */
  scaffold: boolean;
  composeFiles: string[];
  /** In a possible order of start. */
  services: StackService[];
  networks: StackNetwork[];
  volumes: StackVolume[];
  secrets: StackSecret[];
  envFiles: StackEnvFile[];
  files: ProjectFile[];
  /** Variables that the files use and that only a machine's shell or `.env` sets. */
  open: string[];
  /** The PostgreSQL service. */
  database?: string;
  /** The app's service. */
  app?: string;
  /** Places in services that name a PostgreSQL. */
  references: DatabaseUse[];
  checks: JudgedCheck[];
  checklist: JudgedCheck[];
}

export interface DatabaseUse {
  service: string;
  variable: string;
  host: string;
  /** The service with that host name; absent: outside of the project. */
  target?: string;
}

export interface StackService {
  name: string;
  /** The known software of its image: `PostgreSQL`. */
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
  /** The source file that names most of its variables. */
  settingsIn?: string;
  /** Port on which its program listens inside the networks, if it is known. */
  listens?: string;
  memory?: string;
  cpus?: string;
  pids?: string;
  stopGrace?: string;
  readOnly: boolean;
  dropsCapabilities: boolean;
  privileged: boolean;
  /** `max-size` of its logs, or their driver. */
  logs?: string;
  /** Whether another service waits for its end. */
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
  /** Key of the volume, or path as written in the project. */
  source?: string;
  target: string;
  readOnly: boolean;
  /** The data that the image is known to store there. */
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
  /** The overridden values, strongest first. */
  shadows: (StackSource & { value: string | Secret | null })[];
  /** The variables of its `${…}`. */
  uses: string[];
}

export interface StackSource {
  kind: 'environment' | 'env_file';
  /** The file that a machine reads, even if only its example was read here. */
  file: string;
  /** Each machine has its own value; this one is the example's. */
  perMachine: boolean;
}

export interface StackBuild {
  /** A folder or a URL. */
  context: string;
  /** The context is an address: a builder fetches it. */
  remote: boolean;
  /** Path of the Dockerfile; absent if it does not exist, or is written in the compose file. */
  dockerfile?: string;
  target?: string;
  /** Names of the build arguments. */
  args: string[];
  stages: BuildStage[];
  ignore?: { file: string; rules: string[]; allowList: boolean };
  /** Secrets and env files in the build context that the builder gets. */
  exposed: string[];
}

export interface BuildStage {
  /** The name after `AS`, or its number from 0. */
  name: string;
  base: string;
  /** Stages that it starts from or copies from. */
  from: string[];
  steps: { keyword: string; text: string }[];
  /** Whether the image is made from this stage. */
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
  /** Variable with its value. */
  environment?: string;
  external: boolean;
  /** Whether `.gitignore` excludes its file; absent: unknown. */
  ignored?: boolean;
  grants: {
    service: string;
    target: string;
    /** Variables of the service that name the path. */
    variables: string[];
    /** File of the service's source that names the secret: the one with its settings, otherwise the first. */
    readIn?: string;
  }[];
}

export interface StackEnvFile {
  file: string;
  /** Committed file that describes it. */
  example?: string;
  /** Services that list it; empty: the project's own `.env`, for `${…}` in the compose file. */
  services: string[];
  ignored?: boolean;
  /** What was read for this document: the file itself, its example, or neither. */
  read: 'file' | 'example' | 'nothing';
  settings: Setting[];
}

/** A line of an env file, or of its example, with the comment above it. */
export interface Setting {
  name: string;
  value: string | Secret;
  /** Whether it is commented out with `#`: an optional setting. */
  optional: boolean;
  comment: string;
}

export interface ProjectFile {
  path: string;
  folder: boolean;
  what: string;
  /** Whether `.gitignore` excludes it. */
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
