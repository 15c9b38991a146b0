/**
 * A Compose project as both readers give it: `docker compose config` where an engine answers, our own reader
 * where none does. Paths are absolute, `${…}` is resolved, short forms are expanded.
 */
export interface ComposeProject {
  name: string;
  /** The project directory: relative paths in the files start here. */
  directory: string;
  /** Compose files in merge order. */
  files: string[];
  services: Record<string, ComposeService>;
  networks: Record<string, ComposeNetwork>;
  volumes: Record<string, ComposeVolume>;
  secrets: Record<string, ComposeSecret>;
}

export interface ComposeService {
  name: string;
  image?: string;
  build?: ComposeBuild;
  command?: string[];
  entrypoint?: string[];
  workingDir?: string;
  user?: string;
  /**
   * What `environment` and `env_file` make together. Null: the name is unset in the container, and shadows the
   * image's ENV.
   */
  environment: Record<string, string | null>;
  ports: ComposePort[];
  mounts: ComposeMount[];
  secrets: ComposeSecretGrant[];
  dependsOn: Record<string, { condition: DependencyCondition; required: boolean }>;
  healthcheck?: ComposeHealthcheck;
  restart?: string;
  networks: string[];
  /** Other names by which it is reached in its networks. */
  networkAliases?: string[];
  networkMode?: string;
  profiles: string[];
  containerName?: string;
}

export type DependencyCondition = 'service_started' | 'service_healthy' | 'service_completed_successfully';

export interface ComposeBuild {
  /** Absolute folder, or a URL. */
  context: string;
  /** Relative to the context. */
  dockerfile?: string;
  /** The text of `dockerfile_inline`, which takes a Dockerfile's place. */
  dockerfileInline?: string;
  target?: string;
  args: Record<string, string | null>;
}

export interface ComposePort {
  /** Absent: the engine picks a free one. */
  published?: number;
  target: number;
  /** Absent: all addresses. */
  hostIp?: string;
  protocol: string;
}

export interface ComposeMount {
  type: 'bind' | 'volume' | 'tmpfs' | 'npipe' | 'cluster' | 'image';
  /** Absolute path of a bind mount, key under `volumes` of a named volume, absent for an anonymous one. */
  source?: string;
  target: string;
  readOnly: boolean;
}

export interface ComposeSecretGrant {
  /** Key under the project's `secrets`. */
  source: string;
  /** Absolute path in the container. */
  target: string;
}

export interface ComposeHealthcheck {
  disabled: boolean;
  /** `['CMD', …]`, `['CMD-SHELL', script]` or absent (the image's). */
  test?: string[];
  /** Milliseconds; absent: Docker's defaults. */
  intervalMs?: number;
  timeoutMs?: number;
  startPeriodMs?: number;
  startIntervalMs?: number;
  retries?: number;
}

export interface ComposeNetwork {
  /** The engine's name for it. */
  name: string;
  external: boolean;
  internal: boolean;
}

export interface ComposeVolume {
  /** The engine's name for it. */
  name: string;
  external: boolean;
}

export interface ComposeSecret {
  /** Absolute path of a secret that is a file of this machine. */
  file?: string;
  /** Name of the environment variable that holds it. */
  environment?: string;
  external: boolean;
}

/** Name of a service's image; where it names none, the one that Compose gives to what it builds. */
export function imageName(
  project: Pick<ComposeProject, 'name'>,
  service: Pick<ComposeService, 'name' | 'image'>,
): string {
  return service.image ?? `${project.name}-${service.name}`;
}

/** The services in the order in which they can start: dependencies first, names in file order otherwise. */
export function startOrder(project: ComposeProject): ComposeService[] {
  const ordered: ComposeService[] = [];
  const seen = new Set<string>();
  const visit = (name: string) => {
    const service = project.services[name];
    if (!service || seen.has(name)) return;
    seen.add(name);
    for (const dependency of Object.keys(service.dependsOn)) visit(dependency);
    ordered.push(service);
  };
  for (const name of Object.keys(project.services)) visit(name);
  return ordered;
}

/** The given services and all that they depend on. An empty list means every service. */
export function withDependencies(project: ComposeProject, names: readonly string[]): Set<string> {
  const wanted = new Set<string>();
  const visit = (name: string) => {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const dependency of Object.keys(project.services[name]?.dependsOn ?? {})) visit(dependency);
  };
  for (const name of names.length > 0 ? names : Object.keys(project.services)) visit(name);
  return wanted;
}
