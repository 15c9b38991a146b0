import { type Graph, GraphBuilder } from '../graph.js';
import type { Stack, StackService } from '../stack.js';
import { portNodes, serviceNode } from './nodes.js';

/**
 * Shows the members of each network, and which service connects to which. A service with several networks is
 * drawn in the one with the fewest members; its label has the others.
 */
export function networkGraph(stack: Stack): Graph {
  const builder = new GraphBuilder();
  // First, because groups are drawn in the order in which they are added.
  builder.group('machine', 'this machine');
  for (const service of stack.services) {
    const key = homeOf(stack, service);
    const network = stack.networks.find((one) => one.key === key);
    const group = builder.group(
      `network:${key}`,
      network
        ? `network ${key}${network.internal ? ', internal' : ''}${network.external ? ', external' : ''}`
        : key,
    );
    const others = service.networks.filter((one) => one !== key);
    builder.node({
      id: `service:${service.name}`,
      kind: service.name === stack.database ? 'database' : 'service',
      label: service.name,
      details: others.length > 0 ? [`also in ${others.join(', ')}`] : [],
      group,
    });
  }
  for (const service of stack.services) {
    for (const { id, target } of portNodes(builder, service, 'machine')) {
      builder.edge(id, `service:${service.name}`, `to ${target}`);
    }
  }
  for (const { service, variable, host, target } of stack.references) {
    if (target === undefined) {
      const to = builder.node({
        id: `host:${host}`,
        kind: 'outside',
        label: host,
        group: builder.group('outside', 'elsewhere'),
      });
      builder.edge(`service:${service}`, to, variable);
    } else builder.edge(serviceNode(builder, stack, service), `service:${target}`, variable);
  }
  return builder.build('network', 'network');
}

function homeOf(stack: Stack, { networks, networkMode }: StackService): string {
  if (networkMode !== undefined) return `network_mode: ${networkMode}`;
  const size = (key: string) => stack.networks.find((one) => one.key === key)?.services.length ?? 0;
  return [...networks].sort((a, b) => size(a) - size(b) || (a < b ? -1 : 1))[0] ?? 'none';
}
