import type { ProjectLocation } from '../../project/locate.js';
import { isSecretName, redact, Secret } from '../../system/secret.js';
import type { NetworkStatus, PortOwner, ServiceDetails, VolumeStatus } from '../engine.js';
import { parseEnvironment } from '../environment-list.js';
import { LABEL_PROJECT, LABEL_SERVICE } from '../labels.js';
import type { ContainerInspect } from '../survey.js';
import * as argv from './argv.js';
import type { Docker } from './docker.js';
import { containerStatus } from './parse.js';
import { notRunning } from './programs.js';

interface DetailedContainer extends ContainerInspect {
  Image?: string;
  Path: string;
  Args: string[];
  Config: ContainerInspect['Config'] & { User?: string };
  HostConfig: ContainerInspect['HostConfig'] & {
    Memory?: number;
    NanoCpus?: number;
    PidsLimit?: number | null;
    ReadonlyRootfs?: boolean;
    CapAdd?: string[] | null;
    CapDrop?: string[] | null;
  };
  NetworkSettings: ContainerInspect['NetworkSettings'] & {
    Networks?: Record<string, { NetworkID: string; IPAddress: string }> | null;
  };
}

/** @throws UserError SERVICE_NOT_RUNNING */
export async function inspectService(
  docker: Docker,
  location: ProjectLocation,
  service: string,
): Promise<ServiceDetails[]> {
  const containers = (await docker.containers(location.name)).filter(
    ({ Config }) => Config.Labels?.[LABEL_SERVICE] === service,
  );
  if (containers.length === 0) throw notRunning(service);
  return containers.map(serviceDetails);
}

/** Returns the details of containers by their ids. */
export async function inspectContainers(docker: Docker, ids: readonly string[]): Promise<ServiceDetails[]> {
  return (await docker.inspect<ContainerInspect>(argv.inspectContainers(ids))).map(serviceDetails);
}

export async function inspectNetworks(docker: Docker, location: ProjectLocation): Promise<NetworkStatus[]> {
  const ids = await docker.list(argv.networkIds(location.name));
  if (ids.length === 0) return [];
  return networkStatuses(
    await docker.inspect<NetworkInspect>(argv.inspectNetworks(ids)),
    await docker.containers(location.name),
  );
}

export async function inspectVolumes(docker: Docker, location: ProjectLocation): Promise<VolumeStatus[]> {
  const names = await docker.list(argv.volumeNames(location.name));
  if (names.length === 0) return [];
  const [inspected, usage, attached] = await Promise.all([
    docker.inspect<VolumeInspect>(argv.inspectVolumes(names)),
    docker.run(argv.diskUsage()),
    docker.containers(location.name),
  ]);
  return volumeStatuses(inspected, JSON.parse(usage.stdout) as VolumeUsage[], attached);
}

/** Finds the container that publishes a port of the engine's machine. */
export async function portOwner(docker: Docker, port: number): Promise<PortOwner | undefined> {
  const [id] = await docker.list(argv.containerOnPort(port));
  if (!id) return undefined;
  const [container] = await docker.inspect<ContainerInspect>(argv.inspectContainers([id]));
  if (!container) return undefined;
  const labels = container.Config.Labels ?? {};
  const project = labels[LABEL_PROJECT];
  const service = labels[LABEL_SERVICE];
  return {
    instance: container.Name.replace(/^\//, ''),
    ...(project ? { project } : {}),
    ...(service ? { service } : {}),
  };
}

function serviceDetails(inspected: ContainerInspect): ServiceDetails {
  const container = inspected as DetailedContainer;
  const { HostConfig: host, Config: config } = container;
  return {
    ...containerStatus(container),
    image: config.Image,
    ...(container.Image ? { imageId: container.Image } : {}),
    command: [container.Path, ...container.Args],
    ...(config.User ? { user: config.User } : {}),
    mounts: container.Mounts.map(({ Type, Name, Source, Destination, RW }) => ({
      type: Type,
      source: Name ?? Source,
      target: Destination,
      readOnly: !RW,
    })),
    networks: Object.keys(container.NetworkSettings.Networks ?? {}),
    ...(host.Memory ? { memoryLimit: host.Memory } : {}),
    ...(host.NanoCpus ? { cpuLimit: host.NanoCpus / 1e9 } : {}),
    ...(host.PidsLimit && host.PidsLimit > 0 ? { pidsLimit: host.PidsLimit } : {}),
    ...(host.RestartPolicy?.Name ? { restartPolicy: host.RestartPolicy.Name } : {}),
    readOnlyRoot: host.ReadonlyRootfs ?? false,
    capabilities: { add: host.CapAdd ?? [], drop: host.CapDrop ?? [] },
    environment: Object.fromEntries(
      [...parseEnvironment(config.Env)].map(([name, value]) => [
        name,
        isSecretName(name) ? String(new Secret(value)) : redact(value),
      ]),
    ),
  };
}

interface NetworkInspect {
  Name: string;
  Id: string;
  Driver: string;
  Internal: boolean;
  IPAM?: { Config?: { Subnet?: string }[] | null };
  Labels?: Record<string, string> | null;
}

function networkStatuses(
  networks: readonly NetworkInspect[],
  containers: readonly ContainerInspect[],
): NetworkStatus[] {
  return networks.map((network) => {
    const key = network.Labels?.['com.docker.compose.network'];
    return {
      ...(key ? { key } : {}),
      name: network.Name,
      driver: network.Driver,
      internal: network.Internal,
      subnets: (network.IPAM?.Config ?? []).flatMap(({ Subnet }) => (Subnet ? [Subnet] : [])),
      attached: (containers as DetailedContainer[]).flatMap((container) => {
        const endpoint = container.NetworkSettings.Networks?.[network.Name];
        if (!endpoint) return [];
        const instance = container.Name.replace(/^\//, '');
        return [
          {
            service: container.Config.Labels?.[LABEL_SERVICE] ?? instance,
            instance,
            address: endpoint.IPAddress,
          },
        ];
      }),
    };
  });
}

interface VolumeInspect {
  Name: string;
  Driver: string;
  Mountpoint: string;
  CreatedAt?: string;
  Labels?: Record<string, string> | null;
}

interface VolumeUsage {
  Name: string;
  /** Such as `7.9MB`, or `N/A`. */
  Size: string;
}

function volumeStatuses(
  volumes: readonly VolumeInspect[],
  usage: readonly VolumeUsage[],
  containers: readonly ContainerInspect[],
): VolumeStatus[] {
  return volumes.map((volume) => {
    const key = volume.Labels?.['com.docker.compose.volume'];
    const bytes = parseSize(usage.find(({ Name }) => Name === volume.Name)?.Size);
    const users = containers.filter(({ Mounts }) => Mounts.some(({ Name }) => Name === volume.Name));
    return {
      ...(key ? { key } : {}),
      name: volume.Name,
      driver: volume.Driver,
      mountpoint: volume.Mountpoint,
      ...(bytes === undefined ? {} : { bytes }),
      ...(volume.CreatedAt ? { createdAt: volume.CreatedAt } : {}),
      services: [...new Set(users.map(({ Config, Name }) => Config.Labels?.[LABEL_SERVICE] ?? Name))],
      unused: users.length === 0,
    };
  });
}

/** Parses the docker client's decimal sizes. */
function parseSize(text: string | undefined): number | undefined {
  const match = /^([\d.]+)(B|kB|MB|GB|TB)$/.exec(text ?? '');
  if (!match) return undefined;
  return Math.round(Number(match[1]) * 1000 ** ['B', 'kB', 'MB', 'GB', 'TB'].indexOf(match[2] as string));
}
