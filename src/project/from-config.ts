import { posix } from 'node:path';
import { parseDuration } from './duration.js';
import type { ProjectLocation } from './locate.js';
import type {
  ComposeBuild,
  ComposeHealthcheck,
  ComposeMount,
  ComposePort,
  ComposeProject,
  ComposeSecret,
  ComposeSecretGrant,
  ComposeService,
  DependencyCondition,
} from './model.js';

type Json = Record<string, unknown>;

/** A Compose project in the JSON of `docker compose config`. */
export interface ComposeConfig {
  name: string;
  services: Record<string, ServiceConfig>;
  networks?: Record<string, Json | null>;
  volumes?: Record<string, Json | null>;
  secrets?: Json;
  configs?: Json;
}

export type ServiceConfig = Json & {
  environment?: Record<string, string | null> | null;
  networks?: Record<string, { aliases?: string[] } | null> | null;
  volumes?: { type: string; source?: string; target: string }[] | null;
};

/**
 * Reads the project from the output of `docker compose config --format json`, in which every `$` is doubled.
 */
export function projectFromConfig(config: unknown, location: ProjectLocation): ComposeProject {
  return projectFromModel(halveDollars(config), location);
}

/** Reads the project from a model in the form of Compose's JSON, in which dollar signs are not doubled. */
export function projectFromModel(model: unknown, location: ProjectLocation): ComposeProject {
  const root = record(model);
  return {
    name: text(root.name) ?? location.name,
    directory: location.directory,
    files: location.files,
    services: mapValues(root.services, (service, name) => serviceFrom(name, record(service))),
    networks: mapValues(root.networks, (network, key) => ({
      name: text(record(network).name) ?? key,
      external: isTrue(record(network).external),
      internal: isTrue(record(network).internal),
    })),
    volumes: mapValues(root.volumes, (volume, key) => ({
      name: text(record(volume).name) ?? key,
      external: isTrue(record(volume).external),
    })),
    secrets: mapValues(root.secrets, (secret) => secretFrom(record(secret))),
  };
}

function halveDollars(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$$', '$');
  if (Array.isArray(value)) return value.map(halveDollars);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.replaceAll('$$', '$'), halveDollars(item)]),
  );
}

function serviceFrom(name: string, service: Json): ComposeService {
  return {
    name,
    ...optional('image', text(service.image)),
    ...optional('build', service.build === undefined ? undefined : buildFrom(record(service.build))),
    ...optional('command', strings(service.command)),
    ...optional('entrypoint', strings(service.entrypoint)),
    ...optional('workingDir', text(service.working_dir)),
    ...optional('user', text(service.user)),
    environment: nullableStrings(service.environment),
    ports: list(service.ports).map((port) => portFrom(record(port))),
    mounts: list(service.volumes).map((mount) => mountFrom(record(mount))),
    secrets: list(service.secrets).map((grant) => grantFrom(record(grant))),
    dependsOn: mapValues(service.depends_on, (dependency) => ({
      condition: (text(record(dependency).condition) ?? 'service_started') as DependencyCondition,
      required: record(dependency).required !== false,
    })),
    ...optional(
      'healthcheck',
      service.healthcheck === undefined ? undefined : healthcheckFrom(record(service.healthcheck)),
    ),
    ...optional('restart', text(service.restart)),
    networks: Object.keys(record(service.networks)).sort(),
    ...optional('networkAliases', aliasesOf(service.networks)),
    ...optional('networkMode', text(service.network_mode)),
    profiles: strings(service.profiles) ?? [],
    ...optional('containerName', text(service.container_name)),
  };
}

function aliasesOf(networks: unknown): string[] | undefined {
  const all = Object.values(record(networks)).flatMap((network) => strings(record(network).aliases) ?? []);
  return all.length > 0 ? [...new Set(all)] : undefined;
}

function buildFrom(build: Json): ComposeBuild {
  return {
    context: text(build.context) ?? '.',
    ...optional('dockerfile', text(build.dockerfile)),
    ...optional('dockerfileInline', text(build.dockerfile_inline)),
    ...optional('target', text(build.target)),
    args: nullableStrings(build.args),
  };
}

/** A range of host ports has no fixed port, as if no host port were given: the engine chooses. */
function portFrom(port: Json): ComposePort {
  const published = Number(port.published ?? '');
  return {
    ...optional('published', published > 0 ? published : undefined),
    target: Number(port.target),
    ...optional('hostIp', text(port.host_ip)),
    protocol: text(port.protocol) ?? 'tcp',
  };
}

function mountFrom(mount: Json): ComposeMount {
  return {
    type: text(mount.type) as ComposeMount['type'],
    ...optional('source', text(mount.source)),
    target: text(mount.target) ?? '',
    readOnly: isTrue(mount.read_only),
  };
}

function grantFrom(grant: Json): ComposeSecretGrant {
  const source = text(grant.source) ?? '';
  return { source, target: posix.resolve('/run/secrets', text(grant.target) ?? source) };
}

function healthcheckFrom(healthcheck: Json): ComposeHealthcheck {
  const test = strings(healthcheck.test);
  return {
    disabled: isTrue(healthcheck.disable) || test?.[0] === 'NONE',
    ...optional('test', test?.length ? test : undefined),
    ...optional('intervalMs', milliseconds(healthcheck.interval)),
    ...optional('timeoutMs', milliseconds(healthcheck.timeout)),
    ...optional('startPeriodMs', milliseconds(healthcheck.start_period)),
    ...optional('startIntervalMs', milliseconds(healthcheck.start_interval)),
    ...optional('retries', healthcheck.retries === undefined ? undefined : Number(healthcheck.retries)),
  };
}

function secretFrom(secret: Json): ComposeSecret {
  return {
    ...optional('file', text(secret.file)),
    ...optional('environment', text(secret.environment)),
    external: isTrue(secret.external),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]: V });
}

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Empty strings count as absent, because Compose's JSON omits them. */
function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function strings(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.map(String) : undefined;
}

function isTrue(value: unknown): boolean {
  return value === true;
}

function milliseconds(value: unknown): number | undefined {
  return typeof value === 'string' ? parseDuration(value) : undefined;
}

function nullableStrings(value: unknown): Record<string, string | null> {
  return mapValues(value, (item) => (item === null ? null : String(item)));
}

function mapValues<V>(value: unknown, change: (item: unknown, key: string) => V): Record<string, V> {
  return Object.fromEntries(Object.entries(record(value)).map(([key, item]) => [key, change(item, key)]));
}
