import { itemsAt } from '../../project/canonical.js';
import { mapAt, plain, type TreeMap, textAt } from '../../project/tree.js';
import { keysOf } from '../source.js';
import type { Json } from './json.js';
import type { WrittenService } from './written-service.js';

/** Returns limits: those under `deploy`, and Compose's older keys for the same. */
export function resources(service: WrittenService, tree: TreeMap): void {
  const { deploy, losses, name } = service;
  for (const [key, node] of keysOf(mapAt(tree, 'deploy'))) {
    if (key !== 'resources') deploy[key] = plain(node);
  }
  const scale = tree.entries.get('scale');
  if (scale && deploy.replicas === undefined) deploy.replicas = plain(scale);
  const limits = part(tree, 'limits', { memory: 'mem_limit', cpus: 'cpus', pids: 'pids_limit' });
  const reservations = part(tree, 'reservations', { memory: 'mem_reservation' });
  const devices = mapAt(tree, 'deploy', 'resources', 'reservations')?.entries.get('devices');
  if (devices) {
    const key = `services.${name}.deploy.resources.reservations.devices`;
    losses.lost(key, devices, 'Swarm takes devices as generic_resources');
    delete reservations.devices;
  }
  const written: Json = {};
  if (Object.keys(limits).length > 0) written.limits = limits;
  if (Object.keys(reservations).length > 0) written.reservations = reservations;
  if (Object.keys(written).length > 0) deploy.resources = written;
}

function part(tree: TreeMap, of: 'limits' | 'reservations', older: Record<string, string>): Json {
  const under = mapAt(tree, 'deploy', 'resources', of);
  const written: Json = under ? (plain(under) as Json) : {};
  for (const [key, olderKey] of Object.entries(older)) {
    const node = tree.entries.get(olderKey);
    if (node && written[key] === undefined) written[key] = plain(node);
  }
  // -1 and 0 mean no limit in Compose's older keys.
  if (Number(written.pids) <= 0) delete written.pids;
  if (written.cpus !== undefined) written.cpus = String(written.cpus);
  return written;
}

/**
 * Translates `restart`, which Swarm ignores. Without a policy Compose does not restart a service, but Swarm
 * does.
 */
export function restartPolicy(
  { deploy, losses, name }: WrittenService,
  tree: TreeMap,
  oneShot: boolean,
): void {
  if (deploy.restart_policy !== undefined) return;
  const node = tree.entries.get('restart');
  const restart = node === undefined ? undefined : String(plain(node));
  const [, attempts] = /^on-failure(?::(\d+))?$/.exec(restart ?? '') ?? [];
  if (restart?.startsWith('on-failure')) {
    deploy.restart_policy = {
      condition: 'on-failure',
      ...(attempts === undefined ? {} : { max_attempts: Number(attempts) }),
    };
  } else if (restart === 'no' || (restart === undefined && oneShot)) {
    deploy.restart_policy = { condition: 'none' };
  } else {
    deploy.restart_policy = { condition: 'any', delay: '2s' };
    if (restart === undefined) {
      const message = 'Compose leaves a container without `restart` down; in Swarm it starts again';
      losses.changed(`services.${name}.restart`, tree, message);
    }
  }
}

/**
 * Sets how a new version replaces the old one: both run at the same time if they can, and a failure is rolled
 * back.
 */
export function updates({ deploy, out, losses, name }: WrittenService, tree: TreeMap): void {
  const hostPorts = ((out.ports ?? []) as Json[]).some(({ mode }) => mode === 'host');
  for (const key of ['update_config', 'rollback_config'] as const) {
    const config = deploy[key] as Json | undefined;
    const node = mapAt(tree, 'deploy')?.entries.get(key);
    if (!hostPorts || config?.order !== 'start-first' || !node) continue;
    deploy[key] = { ...config, order: 'stop-first' };
    const message =
      'the new task would wait for ever for the port of the node, which the old one has: stop-first';
    losses.changed(`services.${name}.deploy.${key}.order`, node, message);
  }
  const restart = deploy.restart_policy as Json;
  if (restart.condition === 'none') return;
  const order = hostPorts || namedVolumes(tree).length > 0 ? 'stop-first' : 'start-first';
  deploy.update_config ??= { order, failure_action: 'rollback', monitor: '15s' };
  deploy.rollback_config ??= { order };
}

/**
 * A named volume exists on one node, so the service is bound to the node with its data. A service that runs on
 * each node has a volume of the name on each.
 */
export function placement({ deploy, nodeLabels, source }: WrittenService, tree: TreeMap): void {
  const [volume] = namedVolumes(tree).filter((one) => isOfOneNode(mapAt(source.loaded.tree, 'volumes', one)));
  const own = (deploy.placement ?? {}) as { constraints?: unknown[] };
  const constraints = (own.constraints ?? []).map(String);
  if (volume === undefined || deploy.mode === 'global' || constraints.some(namesNode)) return;
  const label = `${source.project.name}.${volume}`;
  nodeLabels.add(`${label}=true`);
  deploy.placement = { ...own, constraints: [...constraints, `node.labels.${label} == true`] };
}

/** Whether a constraint is one that a person chose a node by; a role or a platform is of many. */
function namesNode(constraint: string): boolean {
  return /^\s*node\.(?:id|hostname|labels\.\S+)\s*==/.test(constraint);
}

/** File systems that the `local` driver mounts and that each node reaches, or that hold nothing for long. */
const ELSEWHERE = /^(?:nfs\d?|cifs|smb\d?|ceph|glusterfs|fuse\..*|9p|tmpfs)$/;

/** Whether a volume's data is on the node that made it. What other drivers do is theirs. */
function isOfOneNode(volume: TreeMap | undefined): boolean {
  if (!['local', undefined].includes(textAt(volume, 'driver'))) return false;
  return !ELSEWHERE.test(textAt(volume, 'driver_opts', 'type') ?? '');
}

function namedVolumes(tree: TreeMap): string[] {
  return itemsAt(tree, 'volumes').flatMap((mount) =>
    textAt(mount, 'type') === 'volume' ? (textAt(mount, 'source') ?? []) : [],
  );
}
