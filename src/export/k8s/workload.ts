import { parseDuration } from '../../project/duration.js';
import { imageName } from '../../project/model.js';
import { mapAt, plain, type TreeMap, textAt } from '../../project/tree.js';
import { oneShots, serviceTree } from '../source.js';
import { environmentOf } from './environment.js';
import { networkLabels, portsOf, servicesOf } from './network.js';
import {
  digest,
  filled,
  given,
  type Json,
  type K8sObject,
  metadata,
  objectName,
  selector,
} from './objects.js';
import type { ExportParts, WrittenPod } from './part.js';
import { literal, probesOf } from './probes.js';
import { resourcesOf } from './quantities.js';
import { containerSecurity, pairs, plainAt, podSecurity, texts } from './security.js';
import { namedLosses } from './service-keys.js';
import { claimName, claimSpec, empty, mountAll, mountGrants, sizeOf } from './storage.js';

/** Docker's default time for a service to stop. */
const GRACE_SECONDS = 10;
const DATA_FOLDER = '/var/lib/postgresql/data';

/**
 * Writes the objects of a service: its ConfigMaps, its Services, and a Deployment, a StatefulSet or a Job.
 * @returns volumes for which its StatefulSet makes a claim
 */
export function exportWorkload(parts: ExportParts, serviceName: string): string[] {
  const { source, objects } = parts;
  const service = source.project.services[serviceName];
  if (!service) return [];
  const isDatabase = source.database === serviceName;
  const tree = serviceTree(source, serviceName);
  const pod: WrittenPod = {
    ...parts,
    service,
    tree,
    isDatabase,
    name: objectName(serviceName),
    volumeMounts: [],
    volumes: [],
  };
  const ports = portsOf(service, tree);
  const named = mountAll(pod);
  mountGrants(pod);
  if (isDatabase) empty(pod, '/var/run/postgresql', 1024 ** 2, true);
  const envFrom = environmentOf(pod, isDatabase ? dataSubfolder(pod) : {});
  const template = podTemplate(pod, envFrom, ports);
  servicesOf(pod, ports);
  const published = tree.entries.get('ports');
  if (published && service.ports.length > 0) {
    const message = `no port of a node is opened: see --ingress, or kubectl port-forward service/${pod.name}`;
    pod.losses.changed(`services.${serviceName}.ports`, published, message);
  }
  namedLosses(pod);
  const [workload, templated] = workloadOf(pod, template, named, oneShots(source).has(serviceName));
  objects.push(workload);
  return templated;
}

/**
 * Puts the data into a subfolder: a cluster's volume has a `lost+found`, and PostgreSQL refuses to initialise
 * a folder that is not empty.
 */
function dataSubfolder({ service, volumeMounts }: WrittenPod): Record<string, string> {
  const mounted = volumeMounts.some(({ mountPath }) => mountPath === DATA_FOLDER);
  return mounted && !service.environment.PGDATA ? { PGDATA: `${DATA_FOLDER}/pgdata` } : {};
}

function podTemplate(pod: WrittenPod, envFrom: Json[], ports: ReturnType<typeof portsOf>): Json {
  const { service, source, tree, name } = pod;
  const container = {
    name,
    image: imageName(source.project, service),
    ...filled({
      imagePullPolicy: service.build || plainAt(tree, 'pull_policy') !== 'always' ? 'IfNotPresent' : 'Always',
      command: service.entrypoint?.map(literal),
      args: service.command?.map(literal),
      workingDir: service.workingDir,
      tty: plainAt(tree, 'tty') === true ? true : undefined,
      stdin: plainAt(tree, 'stdin_open') === true ? true : undefined,
      ports: ports.map(({ port, protocol }) => ({ containerPort: port, protocol })),
      envFrom,
      resources: resourcesOf(pod),
      securityContext: containerSecurity(pod),
      ...probesOf(service, ports.find(({ protocol }) => protocol === 'TCP')?.port),
      volumeMounts: pod.volumeMounts,
    }),
  };
  return {
    metadata: filled({
      labels: { ...selector(source.project.name, service.name), ...networkLabels(service) },
      annotations: Object.fromEntries(
        [...pairs(tree, 'labels'), ...pairs(tree, 'annotations')].flatMap(annotation),
      ),
    }),
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: graceSeconds(tree),
      ...filled({ securityContext: podSecurity(pod), ...hostOf(tree), ...dnsOf(tree) }),
      containers: [container],
      ...filled({ volumes: pod.volumes }),
    },
  };
}

/**
 * Turns labels of a container into annotations, whose values may be any text. Their names have the form
 * `prefix/name`.
 */
function annotation([name, value]: [string, string]): [string, string][] {
  const valid = name.replaceAll(/[^-._a-zA-Z0-9/]/g, '-').replaceAll(/^[^a-zA-Z0-9]+|[^a-zA-Z0-9]+$/g, '');
  const [first, ...rest] = valid.split('/');
  const key = rest.length > 0 ? `${first?.toLowerCase()}/${rest.join('.')}` : valid;
  return key === '' || key.length > 300 ? [] : [[key, value]];
}

function graceSeconds(tree: TreeMap): number {
  const written = textAt(tree, 'stop_grace_period');
  const milliseconds = written === undefined ? undefined : parseDuration(written);
  return milliseconds === undefined ? GRACE_SECONDS : Math.ceil(milliseconds / 1000);
}

function hostOf(tree: TreeMap): Json {
  const shared = (key: string) => (plainAt(tree, key) === 'host' ? true : undefined);
  const platform = /^linux\/(\w+)$/.exec(textAt(tree, 'platform') ?? '')?.[1];
  return {
    hostname: textAt(tree, 'hostname'),
    hostNetwork: shared('network_mode'),
    hostPID: shared('pid'),
    hostIPC: shared('ipc'),
    nodeSelector: platform === undefined ? undefined : { 'kubernetes.io/arch': platform },
    hostAliases: hostAliases(tree),
  };
}

function hostAliases(tree: TreeMap): Json[] {
  const written = plainAt(tree, 'extra_hosts');
  const entries = Array.isArray(written)
    ? written.map(
        (one) =>
          String(one)
            .split(/[=:](.*)/s)
            .slice(0, 2) as [string, string],
      )
    : Object.entries((written ?? {}) as Record<string, string | string[]>).flatMap(([host, ips]) =>
        [ips].flat().map((ip) => [host, String(ip)] as [string, string]),
      );
  return entries
    .filter(([, ip]) => /^[\d.:a-f]+$/i.test(ip))
    .map(([host, ip]) => ({ ip, hostnames: [host] }));
}

function dnsOf(tree: TreeMap): Json {
  const options = texts(tree, 'dns_opt').map((option) => {
    const [name, value] = option.split(':');
    return given({ name, value });
  });
  return {
    dnsConfig: filled({ nameservers: texts(tree, 'dns'), searches: texts(tree, 'dns_search'), options }),
  };
}

function workloadOf(
  pod: WrittenPod,
  template: Json,
  named: readonly string[],
  oneShot: boolean,
): [K8sObject, string[]] {
  const { source, service, name, tree, isDatabase } = pod;
  const matchLabels = selector(source.project.name, service.name);
  const about = metadata(name, source.project.name, service.name);
  if (oneShot || plainAt(tree, 'restart') === 'no') {
    // A Job cannot be changed, so other content needs another Job.
    const spec = { ...template, spec: { ...(template.spec as Json), restartPolicy: 'OnFailure' } };
    const job = objectName(`${name}-${digest(JSON.stringify(spec))}`);
    return [
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { ...about, name: job },
        spec: { backoffLimit: 6, template: spec },
      },
      [],
    ];
  }
  const replicas = Number(plainAt(tree, 'scale') ?? replicasOf(pod));
  if (!isDatabase) {
    const strategy =
      named.length > 0
        ? { type: 'Recreate' }
        : { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
    return [
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: about,
        spec: { replicas, strategy, selector: { matchLabels }, template },
      },
      [],
    ];
  }
  const own = named.filter((volume) => !usedElsewhere(pod, volume));
  const spec = template.spec as Json;
  const volumes = ((spec.volumes ?? []) as Json[]).filter(
    (volume) => !own.some((key) => claimName(key) === volume.name),
  );
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: about,
      spec: {
        serviceName: name,
        replicas: 1,
        selector: { matchLabels },
        template: { ...template, spec: { ...spec, ...(volumes.length > 0 ? { volumes } : {}) } },
        ...filled({
          volumeClaimTemplates: own.map((volume) => ({
            metadata: metadata(claimName(volume), source.project.name, service.name),
            spec: claimSpec(sizeOf(source, volume)),
          })),
        }),
      },
    },
    own,
  ];
}

function usedElsewhere({ source, service }: WrittenPod, volume: string): boolean {
  return Object.values(source.project.services).some(
    (other) =>
      other.name !== service.name &&
      other.mounts.some((mount) => mount.type === 'volume' && mount.source === volume),
  );
}

function replicasOf({ tree, losses, service }: WrittenPod): unknown {
  const mode = mapAt(tree, 'deploy')?.entries.get('mode');
  if (mode && plain(mode) === 'global') {
    const message = 'one pod runs, not one on each node: what each node needs is a DaemonSet, in the overlay';
    losses.lost(`services.${service.name}.deploy.mode`, mode, message);
  }
  const node = mapAt(tree, 'deploy')?.entries.get('replicas');
  return node === undefined ? 1 : plain(node);
}
