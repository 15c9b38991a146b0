import { dockerfileOf } from '../../doctor/dockerfile.js';
import { imagePort } from '../../project/known-images.js';
import type { ComposeService } from '../../project/model.js';
import { mapAt } from '../../project/tree.js';
import { type ExportSource, keysOf } from '../source.js';
import { given, type Json, metadata, objectName, selector } from './objects.js';
import type { ExportParts, WrittenPod } from './part.js';
import { texts } from './security.js';

const LOOPBACK = /^(?:127\.|::1$|\[::1\]$|localhost$)/;

export interface ServicePort {
  port: number;
  protocol: 'TCP' | 'UDP' | 'SCTP';
  /** True: reachable from other machines. */
  published: boolean;
}

/**
 * Returns the ports that a service listens on: published, exposed in the compose file or the Dockerfile, or
 * known for its image.
 */
export function portsOf(service: ComposeService, tree: WrittenPod['tree']): ServicePort[] {
  const found: ServicePort[] = [];
  const add = (port: number, protocol: string, published: boolean) => {
    const one = { port, protocol: protocol.toUpperCase() as ServicePort['protocol'], published };
    if (port > 0 && !found.some((other) => other.port === port && other.protocol === one.protocol))
      found.push(one);
  };
  for (const { target, protocol, hostIp } of service.ports)
    add(target, protocol, !LOOPBACK.test(hostIp ?? ''));
  const exposed = dockerfileOf(service)?.lastStage.filter(({ keyword }) => keyword === 'EXPOSE') ?? [];
  for (const text of [...texts(tree, 'expose'), ...exposed.flatMap(({ words }) => words)]) {
    const [, port, protocol = 'tcp'] = /^(\d+)(?:\/(\w+))?$/.exec(text) ?? [];
    add(Number(port ?? 0), protocol, false);
  }
  const known = imagePort(service.image);
  if (known !== undefined && found.length === 0) add(Number(known), 'tcp', false);
  return found;
}

/** Writes a Service for the name of a service and for each of its aliases. */
export function servicesOf(pod: WrittenPod, ports: readonly ServicePort[]): void {
  const { service, source, losses, tree, name, objects } = pod;
  const names = [
    service.name,
    ...(service.networkAliases ?? []),
    ...(service.containerName ? [service.containerName] : []),
  ];
  if (ports.length === 0) {
    const named = tree.entries.get('container_name');
    const key = `services.${service.name}${named ? '.container_name' : ''}`;
    losses.changed(
      key,
      named ?? tree,
      'no port of it is known, so nobody reaches it by its name. Write `expose`',
    );
    return;
  }
  for (const alias of new Set(names)) {
    const valid = objectName(alias);
    if (valid !== alias.toLowerCase()) {
      losses.changed(
        `services.${service.name}`,
        tree,
        `Kubernetes allows no host called "${alias}": it is "${valid}"${namedBy(source, alias, valid)}`,
      );
    }
    if (objects.some((one) => one.kind === 'Service' && one.metadata.name === valid)) continue;
    objects.push({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata(valid, source.project.name, service.name),
      spec: given({
        clusterIP: pod.isDatabase && valid === name ? 'None' : undefined,
        selector: selector(source.project.name, service.name),
        ports: ports.map(({ port, protocol }) => ({
          name: portName(port, protocol),
          port,
          targetPort: port,
          protocol,
        })),
      }),
    });
  }
}

function portName(port: number, protocol: string): string {
  return `${protocol.toLowerCase()}-${port}`;
}

const NETWORK = 'invctl.dev/network-';

/** Returns labels of a pod for its networks. */
export function networkLabels(service: ComposeService): Record<string, string> {
  return Object.fromEntries(service.networks.map((network) => [networkLabel(network), 'true']));
}

function networkLabel(network: string): string {
  return `${NETWORK}${objectName(network)}`.slice(0, NETWORK.length + 63);
}

/**
 * Writes networks as policies: pods of one network reach each other and no others reach them; a pod with only
 * internal networks reaches nothing outside of them. A published port is open to all, unless it is published
 * on the loopback interface.
 * @param toHost service that an Ingress leads to
 */
export function networkPolicies({ source, objects }: ExportParts, toHost: string | undefined): void {
  const { project, loaded } = source;
  for (const network of Object.keys(project.networks)) {
    const podSelector = { matchLabels: { [networkLabel(network)]: 'true' } };
    objects.push(
      policy(source, `network-${network}`, {
        podSelector,
        policyTypes: ['Ingress'],
        ingress: [{ from: [{ podSelector }] }],
      }),
    );
  }
  for (const service of Object.values(project.services)) {
    const podSelector = { matchLabels: selector(project.name, service.name) };
    const tree = mapAt(loaded.tree, 'services', service.name);
    const published = tree
      ? portsOf(service, tree).filter((port) => port.published || service.name === toHost)
      : [];
    if (published.length > 0) {
      const ports = published.map(({ port, protocol }) => ({ port, protocol }));
      objects.push(
        policy(source, `published-${service.name}`, {
          podSelector,
          policyTypes: ['Ingress'],
          ingress: [{ ports }],
        }),
      );
    }
    const { networks } = service;
    if (networks.length > 0 && networks.every((network) => project.networks[network]?.internal)) {
      const to = networks.map((network) => ({
        podSelector: { matchLabels: { [networkLabel(network)]: 'true' } },
      }));
      const names = {
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP' },
        ],
      };
      objects.push(
        policy(source, `internal-${service.name}`, {
          podSelector,
          policyTypes: ['Egress'],
          egress: [{ to }, names],
        }),
      );
    }
  }
}

function policy({ project }: ExportSource, name: string, spec: Json) {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(objectName(name), project.name),
    spec,
  };
}

/** Reports all parts of a network that a policy cannot express. */
export function networkLosses({ source, losses }: ExportParts): void {
  const { project, loaded } = source;
  for (const network of Object.keys(project.networks)) {
    for (const [key, node] of keysOf(mapAt(loaded.tree, 'networks', network))) {
      if (['name', 'internal', 'external', 'driver'].includes(key)) continue;
      losses.lost(`networks.${network}.${key}`, node, "the cluster's own network has no such setting");
    }
  }
}

/** Writes an Ingress with TLS for one service. */
export function ingress(
  { source, objects }: ExportParts,
  service: ComposeService,
  port: number,
  host: string,
): void {
  const name = objectName(service.name);
  objects.push({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: metadata(name, source.project.name, service.name),
    spec: {
      tls: [{ hosts: [host], secretName: `${name}-tls` }],
      rules: [
        {
          host,
          http: {
            paths: [
              { path: '/', pathType: 'Prefix', backend: { service: { name, port: { number: port } } } },
            ],
          },
        },
      ],
    },
  });
}

/** Which variables have the name of a host that is another one here, and how both names become one. */
function namedBy({ project }: ExportSource, alias: string, valid: string): string {
  const asHost = new RegExp(`(?:^|[@/,\\s])${alias.replaceAll('.', '\\.')}(?=$|[:/,?\\s])`);
  const variables = Object.values(project.services).flatMap(({ name, environment }) =>
    Object.entries(environment)
      .filter(([, value]) => value !== null && asHost.test(value))
      .map(([variable]) => `${variable} of ${name}`),
  );
  return variables.length === 0
    ? ''
    : `, and ${variables.join(', ')} would not find it. Write ${valid} there, and under the service networks: {default: {aliases: [${valid}]}}, by which Compose knows that name too`;
}
