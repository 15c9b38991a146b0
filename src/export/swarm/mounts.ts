import { itemsAt } from '../../project/canonical.js';
import { plain, type TreeMap, type TreeNode } from '../../project/tree.js';
import { bytesOf } from '../size.js';
import type { Json } from './json.js';
import type { WrittenService } from './written-service.js';

/** Returns volumes, bind mounts and memory file systems, in the long form. */
export function writtenMounts(service: WrittenService, tree: TreeMap): Json[] {
  const mounts = itemsAt(tree, 'volumes').flatMap((item, index) => mountOf(service, item, index));
  return [...mounts, ...temporary(service, tree), ...sharedMemory(service, tree)];
}

function mountOf(service: WrittenService, item: TreeNode, index: number): Json[] {
  const mount = plain(item) as Json;
  const key = `services.${service.name}.volumes[${index}]`;
  const written: Json = { type: mount.type };
  for (const name of ['source', 'target', 'read_only', 'consistency']) {
    if (mount[name] !== undefined) written[name] = mount[name];
  }
  if (mount.type === 'image') {
    service.losses.lost(key, item, 'Swarm mounts no images');
    return [];
  }
  if (mount.type === 'bind') {
    service.losses.changed(
      key,
      item,
      `every node that runs it needs ${mount.source}: Swarm carries no files`,
    );
  }
  partsOf(service, key, item, mount, written);
  return [written];
}

const PARTS: Readonly<Record<string, readonly string[]>> = {
  bind: ['propagation'],
  volume: ['nocopy', 'subpath'],
  tmpfs: ['size'],
};

function partsOf(service: WrittenService, key: string, item: TreeNode, mount: Json, written: Json): void {
  for (const [part, names] of Object.entries(PARTS)) {
    const settings = Object.entries((mount[part] ?? {}) as Json);
    const possible = settings.filter(([name]) => names.includes(name));
    if (possible.length > 0) {
      written[part] = Object.fromEntries(
        possible.map(([name, value]) => [name, name === 'size' ? (bytesOf(value) ?? value) : value]),
      );
    }
    for (const [name] of settings) {
      // Compose makes a missing folder, Swarm never does; the loss of the mount itself says so.
      if (names.includes(name) || name === 'create_host_path') continue;
      service.losses.lost(`${key}.${part}.${name}`, item, 'Swarm refuses it');
    }
  }
}

/** For `tmpfs: [/tmp:size=64m,mode=1777]`: Swarm supports only the size. */
function temporary({ losses, name }: WrittenService, tree: TreeMap): Json[] {
  const node = tree.entries.get('tmpfs');
  const items = node?.kind === 'list' ? node.items : node?.kind === 'scalar' ? [node] : [];
  return items.map((item) => {
    const [target = '', options = ''] = String(plain(item)).split(/:(.*)/s);
    const settings = options.split(',').filter((option) => option !== '');
    const size = settings.map((option) => /^size=(.+)$/.exec(option)?.[1]).find(Boolean);
    const others = settings.filter((option) => !option.startsWith('size='));
    if (others.length > 0) {
      losses.lost(
        `services.${name}.tmpfs`,
        item,
        `Swarm takes a size alone: ${others.join(',')} is left out`,
      );
    }
    const bytes = size === undefined ? undefined : bytesOf(size);
    return { type: 'tmpfs', target, ...(bytes === undefined ? {} : { tmpfs: { size: bytes } }) };
  });
}

/** Swarm ignores `shm_size`; a memory file system of that size replaces it. */
function sharedMemory(_: WrittenService, tree: TreeMap): Json[] {
  const node = tree.entries.get('shm_size');
  const bytes = node ? bytesOf(plain(node)) : undefined;
  return bytes === undefined ? [] : [{ type: 'tmpfs', target: '/dev/shm', tmpfs: { size: bytes } }];
}
