import { type Graph, GraphBuilder } from '../graph.js';
import type { Stack } from '../stack.js';
import { conditionText, portNodes, serviceNode } from './nodes.js';

/**
 * Shows the parts of the stack: ports of the machine, services, their dependencies, and the places of their
 * data.
 */
export function servicesGraph(stack: Stack): Graph {
  const builder = new GraphBuilder();
  for (const service of stack.services) {
    for (const { id, target } of portNodes(builder, service)) {
      builder.edge(id, serviceNode(builder, stack, service.name), `port ${target}`);
    }
  }
  for (const service of [...stack.services].reverse()) {
    const own = serviceNode(builder, stack, service.name);
    for (const { service: other, condition } of service.dependsOn) {
      builder.edge(own, serviceNode(builder, stack, other), conditionText(condition));
    }
    for (const { service: from, target } of stack.references) {
      if (from !== service.name || target === undefined) continue;
      if (service.dependsOn.some((one) => one.service === target)) continue;
      builder.edge(own, serviceNode(builder, stack, target), 'connects', true);
    }
    for (const { type, source, target, readOnly } of service.mounts) {
      if (type !== 'volume' && type !== 'bind') continue;
      if (source === undefined) continue;
      const to = builder.node({
        id: `${type}:${source}`,
        kind: type === 'volume' ? 'volume' : 'folder',
        label: source,
        details: [type === 'volume' ? 'volume' : 'on this machine'],
      });
      builder.edge(own, to, readOnly ? `${target}, read-only` : target);
    }
  }
  for (const { service, variable, host, target } of stack.references) {
    if (target !== undefined) continue;
    const to = builder.node({
      id: `host:${host}`,
      kind: 'outside',
      label: host,
      details: ['outside of the project'],
    });
    builder.edge(serviceNode(builder, stack, service), to, variable, true);
  }
  return builder.build('services', 'services');
}
