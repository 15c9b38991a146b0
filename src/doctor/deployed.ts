import type { UserError } from '../errors.js';

/** A project as an orchestrator runs it, from its live objects. */
export interface Deployed {
  orchestrator: 'swarm' | 'k8s';
  /** For a sentence: `the stack "shop"`. */
  place: string;
  /** The command that hands the project's files over again. */
  redeploy: string;
  /** The command that shows an object, which follows it. */
  look: string;
  services: DeployedService[];
  /** Images that run beside it, such as what collects logs; undefined: nobody may look. */
  neighbours: readonly string[] | undefined;
  /** What tells a monitor of the orchestrator to watch it: `ServiceMonitor api`. */
  monitor?: string;
  /** Folder of the backups of the database there, absolute. */
  backupFolder: string;
  database: DeployedDatabase;
}

export type DeployedDatabase =
  /** A service, which `invctl db backup --deployed` reaches. */
  | { kind: 'service' }
  /** Somebody else's, or none. */
  | { kind: 'elsewhere'; where: string }
  /** An operator's: the time of its newest finished backup, ISO; absent: none. */
  | { kind: 'operator'; cluster: string; newest?: string; command: string };

export interface DeployedService {
  /** As in the compose file. */
  name: string;
  /** As the orchestrator calls it. */
  object: string;
  /** It is meant to end. */
  oneShot: boolean;
  image: string;
  /** Whether the image is named by its content. */
  pinned: boolean;
  /** The command that shows its logs. */
  logs: string;
  /** How many replicas are to run, and do. */
  wanted: number;
  ready: number;
  /** What the orchestrator says of an update that did not succeed. */
  updateProblem?: string;
  /** Why a replica that is to run has no node, and the command that changes it. */
  waits?: { message: string; next: string };
  memoryLimit: boolean;
  /** What says that a replica was killed for its use of memory. */
  killed?: string;
  restarts: boolean;
  /** Undefined: what it runs with cannot be seen from here. */
  healthcheck: boolean | undefined;
  /** Variables with a value in clear, as every reader of the objects sees them. */
  environment: Readonly<Record<string, string>>;
  command: readonly string[];
  /** Folders of the node. */
  hostMounts: readonly { source: string; target: string; readOnly: boolean }[];
  /** Undefined: the orchestrator bounds logs by itself. */
  logging: { driver: string; bounded: boolean } | undefined;
  /** The secrets that it gets, and what looks after them, if anything but `invctl deploy` does. */
  secrets: readonly { name: string; keeper?: string }[];
}

/**
 * Where the project is deployed. `unread`: it was deployed there, and what runs now cannot be read. Undefined:
 * it is not deployed.
 */
export type DeployedFact = Deployed | { unread: UserError; place: string } | undefined;
