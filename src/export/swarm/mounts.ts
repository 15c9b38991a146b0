import { statSync } from 'node:fs';
import { posix } from 'node:path';
import { itemsAt } from '../../project/canonical.js';
import { plain, type TreeMap, type TreeNode } from '../../project/tree.js';
import { type CarriedFile, carriedFiles } from '../carried-files.js';
import { bytesOf } from '../size.js';
import type { Json } from './json.js';
import type { WrittenService } from './written-service.js';

/** A config has 500 kB at most (swarmkit, from before Docker 20.10), and each is a mount of its own. */
const LARGEST = { holder: 'a config', bytes: 500_000, files: 32 };

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
    const files = carriedFiles(service.source, String(mount.source), mount.read_only === true, LARGEST);
    if (typeof files !== 'string' && files.length > 0) {
      service.losses.changed(key, item, 'its files are configs, which come along to every node');
      carry(service, mount, files);
      return [];
    }
    const reason = typeof files === 'string' ? files : 'it is empty';
    service.losses.changed(key, item, `every node that runs it needs ${mount.source}: ${reason}`);
  }
  partsOf(service, key, item, mount, written);
  return [written];
}

/** Grants each file as a config at the path that it is mounted at. */
function carry(service: WrittenService, { source, target }: Json, files: readonly CarriedFile[]): void {
  const folder = String(target);
  const grants = files.map(({ path, name, content }) => ({
    source: service.configs.add(path, content),
    target: path === source ? folder : posix.join(folder, name),
    mode: statSync(path).mode & 0o111 ? 0o555 : 0o444,
  }));
  service.out.configs = [...((service.out.configs as Json[] | undefined) ?? []), ...grants];
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
