/**
 * A Compose project, from either reader: `docker compose config` if an engine answers, otherwise our own.
 * Paths are absolute, `${…}` is resolved, short forms are expanded.
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
   * The result of `environment` and `env_file`. Null: the name is unset in the container, and hides the
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
  /** Other names of the service in its networks. */
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
  /** The text of `dockerfile_inline`, which replaces a Dockerfile. */
  dockerfileInline?: string;
  target?: string;
  args: Record<string, string | null>;
}

export interface ComposePort {
  /** Absent: the engine chooses a free one. */
  published?: number;
  target: number;
  /** Absent: all addresses. */
  hostIp?: string;
  protocol: string;
}

export interface ComposeMount {
  type: 'bind' | 'volume' | 'tmpfs' | 'npipe' | 'cluster' | 'image';
  /** Absolute path for a bind mount, key under `volumes` for a named volume, absent for an anonymous one. */
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
  /** `['CMD', …]`, `['CMD-SHELL', script]` or absent (the image's own check). */
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
  /** Absolute path, if the secret is a file of this machine. */
  file?: string;
  /** Name of the environment variable with its value. */
  environment?: string;
  external: boolean;
}

/** Returns the image name of a service; if it names none, Compose's own name for the built image. */
export function imageName(
  project: Pick<ComposeProject, 'name'>,
  service: Pick<ComposeService, 'name' | 'image'>,
): string {
  return service.image ?? `${project.name}-${service.name}`;
}

/** Returns the services in a possible order of start: dependencies first, otherwise in file order. */
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

/** Returns the given services and all their dependencies. An empty list means every service. */
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
