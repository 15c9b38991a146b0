/** Docker's names; `absent`: the service is in the file and has no container or process. */
export type ServiceState =
  | 'absent'
  | 'created'
  | 'running'
  | 'paused'
  | 'restarting'
  | 'removing'
  | 'exited'
  | 'dead';

/** `none`: the service declares no health check. */
export type ServiceHealth = 'none' | 'starting' | 'healthy' | 'unhealthy';

export interface PublishedPort {
  /** Address of the engine's machine. */
  host: string;
  published: number;
  target: number;
  protocol: string;
}

export interface ServiceStatus {
  /** The service's name in the compose file. */
  name: string;
  /** The container's name, or `pid N`; absent if there is none. */
  instance?: string;
  state: ServiceState;
  health: ServiceHealth;
  /** Exit status of an exited service, if it is known. */
  exitCode?: number;
  oomKilled?: boolean;
  /** ISO time of the last start. */
  startedAt?: string;
  /** How often the engine restarted it by its restart policy. */
  restarts: number;
  ports: PublishedPort[];
  /** The URL that the compose file says by the label `invctl.url`. */
  url?: string;
  /**
   * The machine to which the ports belong, if it is another one: its name in the network, and its SSH
   * address.
   */
  machine?: { name: string; ssh: string };
  /** Where an orchestrator runs it: how many replicas are ready, and are to be. */
  replicas?: { ready: number; wanted: number };
  /** The command that shows its logs, where `invctl logs` does not. */
  logs?: string;
  /** Output of the last health check. */
  healthOutput?: string;
}
