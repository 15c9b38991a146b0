import { itemsAt } from '../../project/canonical.js';
import { mapAt, plain, type TreeMap, type TreeNode } from '../../project/tree.js';
import type { Json } from './json.js';
import type { WrittenService } from './written-service.js';

const LOOPBACK = /^(?:127\.|::1$|\[::1\]$|localhost$)/;

/**
 * Returns the published ports. Swarm cannot bind a port to an address. A port that only this machine should
 * reach is left out, because `docker stack deploy` would open it on every interface of every node with only a
 * warning.
 */
export function writtenPorts(service: WrittenService, tree: TreeMap): Json[] {
  return itemsAt(tree, 'ports').flatMap((item, index) => {
    const port = plain(item) as Json;
    const key = `services.${service.name}.ports[${index}]`;
    const address = port.host_ip === undefined ? undefined : String(port.host_ip);
    if (address !== undefined && LOOPBACK.test(address)) {
      const closed = `Swarm cannot bind to ${address} and would open it on every node: it is left out`;
      service.losses.lost(key, item, `${closed}. Open it yourself: docker service update --publish-add`);
      return [];
    }
    if (address !== undefined && address !== '0.0.0.0' && address !== '::') {
      service.losses.lost(key, item, `Swarm cannot bind to ${address}: it is left out`);
      return [];
    }
    return ranges(service, key, item, port);
  });
}

/** Swarm refuses `endpoint_mode: dnsrr` beside a port that each node publishes. */
export function endpoint({ deploy, losses, name, out }: WrittenService, tree: TreeMap): void {
  const onEachNode = ((out.ports ?? []) as Json[]).some(({ mode }) => mode !== 'host');
  const node = mapAt(tree, 'deploy')?.entries.get('endpoint_mode');
  if (!onEachNode || deploy.endpoint_mode !== 'dnsrr' || !node) return;
  deploy.endpoint_mode = 'vip';
  const message =
    'Swarm publishes a port on each node by one address alone: `vip`, by which the service is reached from others too';
  losses.changed(`services.${name}.deploy.endpoint_mode`, node, message);
}

function ranges({ losses }: WrittenService, key: string, item: TreeNode, port: Json): Json[] {
  const common = {
    ...(port.protocol === undefined ? {} : { protocol: port.protocol }),
    ...(port.mode === 'host' ? { mode: 'host' } : {}),
  };
  const target = Number(port.target);
  const [first, last = first] = String(port.published ?? '')
    .split('-')
    .map(Number);
  if (!first || last === undefined) return [{ target, ...common }];
  if (last > first) {
    losses.changed(key, item, `Swarm publishes one port for one: ${first} is taken of ${first}-${last}`);
  }
  return [{ target, published: first, ...common }];
}
