import type { ComposeConfig, ServiceConfig } from '../../project/from-config.js';

export interface TrialProjectInput {
  /** Name of the trial's own project. */
  name: string;
  /** Services of the project that the trial has. */
  services: readonly string[];
  /**
   * The one volume that exists already: its key, and the engine's name for it. All others are new and empty.
   */
  volume?: { key: string; name: string };
  /** Mounts below these paths are left out. */
  without: readonly string[];
}

/**
 * Keys that are left out of the trial: what must not exist twice (ports, names), what could make the trial be
 * taken for the project itself (labels that a proxy reads), restarts, and everything that a trial does not
 * need.
 */
const LEFT_OUT = [
  'build',
  'container_name',
  'env_file',
  'external_links',
  'labels',
  'network_mode',
  'ports',
  'profiles',
  'restart',
  'scale',
];

/**
 * Makes a separate project from some services of a project, with its own networks and volumes.
 * @returns the compose file's document, which has none of the services' values, and the environment from
 * which Compose takes these values.
 */
export function trialProject(
  config: ComposeConfig,
  input: TrialProjectInput,
): { document: ComposeConfig; values: Record<string, string> } {
  const values: Record<string, string> = {};
  const services = Object.fromEntries(
    input.services.flatMap((name) => {
      const service = config.services[name];
      return service ? [[name, trialService(name, service, config, input, values)]] : [];
    }),
  );
  const used = new Set(Object.values(services).flatMap(({ networks }) => Object.keys(networks ?? {})));
  const networks = Object.fromEntries(
    [...used].map((key) => [key, config.networks?.[key]?.internal ? { internal: true } : {}]),
  );
  const volumes = Object.fromEntries(
    Object.keys(config.volumes ?? {}).map((key) => [
      key,
      key === input.volume?.key ? { name: input.volume?.name, external: true } : {},
    ]),
  );
  const { secrets, configs } = config;
  return {
    document: {
      name: input.name,
      services,
      networks,
      volumes,
      ...(secrets ? { secrets } : {}),
      ...(configs ? { configs } : {}),
    },
    values,
  };
}

function trialService(
  name: string,
  service: ServiceConfig,
  config: ComposeConfig,
  { services, without }: TrialProjectInput,
  values: Record<string, string>,
): ServiceConfig {
  const rest = Object.fromEntries(Object.entries(service).filter(([key]) => !LEFT_OUT.includes(key)));
  const deploy = rest.deploy as { resources?: unknown } | undefined;
  return {
    ...rest,
    // Compose's own name for an image that it builds.
    image: service.image ?? `${config.name}-${name}`,
    pull_policy: 'never',
    restart: 'no',
    ...(deploy ? { deploy: deploy.resources ? { resources: deploy.resources } : {} } : {}),
    networks: Object.fromEntries(
      Object.entries(service.networks ?? { default: null }).map(([key, network]) => [
        key,
        network?.aliases ? { aliases: network.aliases } : {},
      ]),
    ),
    volumes: (service.volumes ?? []).filter(
      ({ target }) => !without.some((path) => target === path || target.startsWith(`${path}/`)),
    ),
    depends_on: Object.fromEntries(
      Object.entries((service.depends_on ?? {}) as Record<string, unknown>).filter(([other]) =>
        services.includes(other),
      ),
    ),
    environment: Object.fromEntries(
      Object.entries(service.environment ?? {}).map(([variable, value]) => {
        if (value === null) return [variable, null];
        const placeholder = `INVCTL_TRIAL_${Object.keys(values).length}`;
        // Compose doubles the dollar signs in its output, and does not interpolate a value that comes from a
        // variable.
        values[placeholder] = value.replaceAll('$$', '$');
        return [variable, `\${${placeholder}}`];
      }),
    ),
  };
}
