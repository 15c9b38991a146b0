/** As Docker names them; `absent` is a service of the file that has no container or process. */
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
  /** Address of the machine that the engine is on. */
  host: string;
  published: number;
  target: number;
  protocol: string;
}

export interface ServiceStatus {
  /** The service's name in the compose file. */
  name: string;
  /** The container's name, or `pid N`; absent while there is none. */
  instance?: string;
  state: ServiceState;
  health: ServiceHealth;
  /** Exit status of an exited service, where it is known. */
  exitCode?: number;
  oomKilled?: boolean;
  /** ISO time of the last start. */
  startedAt?: string;
  /** Times that the engine started it again by its restart policy. */
  restarts: number;
  ports: PublishedPort[];
  /** The machine that the ports are of, where it is another one: its name in the network, and how one logs in there. */
  machine?: { name: string; ssh: string };
  /** What the last health check printed. */
  healthOutput?: string;
}
