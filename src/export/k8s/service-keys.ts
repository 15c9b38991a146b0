import { plain, type TreeNode } from '../../project/tree.js';
import { keysOf } from '../source.js';
import type { WrittenPod } from './part.js';

/** Keys that other parts of the export read. */
const READ = [
  'image',
  'command',
  'entrypoint',
  'working_dir',
  'tty',
  'stdin_open',
  'environment',
  'env_file',
  'healthcheck',
  'user',
  'group_add',
  'read_only',
  'privileged',
  'cap_add',
  'cap_drop',
  'security_opt',
  'sysctls',
  'volumes',
  'tmpfs',
  'shm_size',
  'secrets',
  'configs',
  'ports',
  'expose',
  'networks',
  'hostname',
  'extra_hosts',
  'dns',
  'dns_search',
  'dns_opt',
  'stop_grace_period',
  'mem_limit',
  'mem_reservation',
  'cpus',
  'pids_limit',
  'deploy',
  'scale',
  'labels',
  'annotations',
  'platform',
  'pull_policy',
  'container_name',
  'extends',
  'restart',
];

const CHANGED: Readonly<Record<string, string>> = {
  build: 'a cluster builds nothing: build the image, push it, and name it under `images` of the overlay',
  depends_on: 'all pods start at once; each tries again under its startup probe until what it needs is there',
  init: 'the program of the image is process 1 and has to react to SIGTERM itself',
  logging: 'the node keeps the logs and rotates them',
  profiles: 'Kubernetes knows no profiles: the service is always there',
};

const LOST: Readonly<Record<string, string>> = {
  links: 'a service is reached by its own name',
  external_links: 'what is outside of the project needs a Service of its own',
  ulimits: 'limits of the node hold',
  devices: 'devices need a plugin of the cluster',
  gpus: 'GPUs need a plugin of the cluster, and a limit such as nvidia.com/gpu',
  runtime: 'see runtimeClassName',
  stop_signal: 'Kubernetes sends the STOPSIGNAL of the image',
  develop: 'it is for `compose watch` alone',
};

/** Reports every key of a service that no part of the pod is made from. */
export function namedLosses({ tree, service, losses }: WrittenPod): void {
  for (const [key, node] of keysOf(tree)) {
    const path = `services.${service.name}.${key}`;
    if (READ.includes(key)) continue;
    if (CHANGED[key] !== undefined) losses.changed(path, node, CHANGED[key]);
    else if (isNamespace(key, node)) continue;
    else losses.lost(path, node, LOST[key] ?? 'Kubernetes has no counterpart');
  }
}

/** Whether it is `network_mode: host` or a similar key, which a pod has too. */
function isNamespace(key: string, node: TreeNode): boolean {
  return ['network_mode', 'pid', 'ipc'].includes(key) && plain(node) === 'host';
}
