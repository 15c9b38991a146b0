import { mapAt, plain, type TreeMap } from '../../project/tree.js';
import { bytesOf } from '../size.js';
import { filled, type Json } from './objects.js';
import type { WrittenPod } from './part.js';

const MEBIBYTE = 1024 ** 2;

/** Returns a size such as `128Mi`; in bytes if it is not a whole number of MiB. */
export function memoryQuantity(bytes: number): string {
  return bytes % MEBIBYTE === 0 ? `${bytes / MEBIBYTE}Mi` : String(bytes);
}

/** Returns a number of processors such as `1` or `500m`. */
function cpuQuantity(cpus: number): string {
  return Number.isInteger(cpus) ? String(cpus) : `${Math.max(1, Math.round(cpus * 1000))}m`;
}

/**
 * Writes limits and requests. If the file has only limits, a small request is added: otherwise Kubernetes
 * would use the limit as the request, and reserve a node's whole capacity for idle containers.
 */
export function resourcesOf({ tree, losses, service }: WrittenPod): Json {
  const limits = quantities(tree, 'limits', { memory: 'mem_limit', cpus: 'cpus' });
  const requests = quantities(tree, 'reservations', { memory: 'mem_reservation' });
  for (const key of ['pids_limit', 'deploy.resources.limits.pids'] as const) {
    const node =
      key !== 'pids_limit'
        ? mapAt(tree, 'deploy', 'resources', 'limits')?.entries.get('pids')
        : tree.entries.get(key);
    if (node)
      losses.lost(
        `services.${service.name}.${key}`,
        node,
        'the number of processes is a setting of the kubelet',
      );
  }
  const devices = mapAt(tree, 'deploy', 'resources', 'reservations')?.entries.get('devices');
  if (devices)
    losses.lost(
      `services.${service.name}.deploy.resources.reservations.devices`,
      devices,
      'devices need a plugin of the cluster',
    );
  const request = (name: 'memory' | 'cpus', share: number) =>
    requests[name] ?? (limits[name] && limits[name] * share);
  return filled({
    requests: written(request('memory', 0.25), request('cpus', 0.1)),
    limits: written(limits.memory, limits.cpus),
  });
}

function written(memory: number | undefined, cpus: number | undefined): Json {
  return filled({
    cpu: cpus === undefined ? undefined : cpuQuantity(cpus),
    memory: memory === undefined ? undefined : memoryQuantity(Math.ceil(memory)),
  });
}

function quantities(
  tree: TreeMap,
  of: 'limits' | 'reservations',
  older: Partial<Record<'memory' | 'cpus', string>>,
): Partial<Record<'memory' | 'cpus', number>> {
  const value = (name: 'memory' | 'cpus') => {
    const node =
      mapAt(tree, 'deploy', 'resources', of)?.entries.get(name) ?? tree.entries.get(older[name] ?? '');
    const number = node && (name === 'memory' ? bytesOf(plain(node)) : Number(plain(node)));
    return number !== undefined && number > 0 ? number : undefined;
  };
  return filled({ memory: value('memory'), cpus: value('cpus') });
}
