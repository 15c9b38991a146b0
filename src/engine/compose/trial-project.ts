import type { ComposeConfig, ServiceConfig } from '../../project/from-config.js';

export interface TrialInput {
  /** Of the trial's own project. */
  name: string;
  /** What it is to have of the project. */
  services: readonly string[];
  /** The one volume that is no new, empty one: its key, and the engine's name for it. */
  volume?: { key: string; name: string };
  /** Mounts below these paths are left out. */
  without: readonly string[];
}

/**
 * What must not be there twice, or would let the trial be taken for the project itself: ports and names, labels that
 * a proxy reads, restarts, and everything that a second project of the same services does not need to be tried.
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
 * Some services of a project as a project of their own beside it, on networks and volumes of their own.
 *
 * @returns the compose file's document, which holds none of the services' variables, and the environment that Compose
 *   finds their values in.
 */
export function trialProject(
  config: ComposeConfig,
  input: TrialInput,
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
  { services, without }: TrialInput,
  values: Record<string, string>,
): ServiceConfig {
  const rest = Object.fromEntries(Object.entries(service).filter(([key]) => !LEFT_OUT.includes(key)));
  const deploy = rest.deploy as { resources?: unknown } | undefined;
  return {
    ...rest,
    // As Compose names what it builds.
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
        // Compose doubles the dollar signs of what it prints, and does not look into what it reads from a variable.
        values[placeholder] = value.replaceAll('$$', '$');
        return [variable, `\${${placeholder}}`];
      }),
    ),
  };
}
