import { invalidProject } from './invalid.js';
import { dependenciesAsMap, serviceNetworksAsMap } from './merge.js';
import { parseMount } from './mounts.js';
import { cleanPath, resolveBuildContext, resolveMountSource, resolvePath } from './paths.js';
import { parsePort } from './ports.js';
import { scalarText } from './scalar.js';
import {
  isNull,
  listNode,
  mapAt,
  mapNode,
  scalarNode,
  type TreeList,
  type TreeMap,
  type TreeNode,
  textAt,
  writtenAt,
} from './tree.js';

/** Replaces every short form by its long one, in place. The tree must have passed its schema. */
export function expandShortForms(root: TreeMap, warn: (message: string) => void): void {
  for (const service of children(mapAt(root, 'services'))) {
    if (service.kind === 'map') expandService(service);
  }
  for (const section of ['networks', 'volumes', 'secrets', 'configs']) {
    for (const [name, resource] of mapAt(root, section)?.entries ?? []) {
      if (resource.kind === 'map') expandExternal(resource, `${section}.${name}`, warn);
    }
  }
}

function children(map: TreeMap | undefined): TreeNode[] {
  return map ? [...map.entries.values()] : [];
}

function expandService(service: TreeMap): void {
  change(service, 'build', (build) =>
    build.kind === 'map' ? build : mapNode(build.at, [['context', build]]),
  );
  change(service, 'depends_on', (node) => {
    const dependencies = dependenciesAsMap(node);
    for (const dependency of children(dependencies)) {
      setDefault(dependency, 'condition', 'service_started');
      setDefault(dependency, 'required', true);
    }
    return dependencies;
  });
  change(service, 'env_file', (node) => {
    const files = asItems(node).map((file) =>
      file.kind === 'map' ? file : mapNode(file.at, [['path', file]]),
    );
    for (const file of files) setDefault(file, 'required', true);
    return listNode(node.at, files);
  });
  for (const key of ['label_file', 'dns']) {
    change(service, key, (node) => listNode(node.at, asItems(node)));
  }
  change(service, 'networks', serviceNetworksAsMap);
  changeItems(service, 'volumes', (item) => [expandMount(item)]);
  changeItems(service, 'ports', expandPort);
  for (const key of ['secrets', 'configs']) {
    changeItems(service, key, (item) => [item.kind === 'map' ? item : mapNode(item.at, [['source', item]])]);
  }
}

function expandMount(node: TreeNode): TreeNode {
  if (node.kind !== 'scalar') return node;
  const mount = parseMount(scalarText(node.value), node.at);
  return mapNode(node.at, [
    ['type', scalarNode(node.at, mount.type)],
    ...(mount.source === undefined ? [] : [['source', scalarNode(node.at, mount.source)] as const]),
    ['target', scalarNode(node.at, cleanPath(mount.target))],
    ...(mount.readOnly ? [['read_only', scalarNode(node.at, true)] as const] : []),
  ]);
}

function expandPort(node: TreeNode): TreeNode[] {
  if (node.kind !== 'scalar') return [node];
  return parsePort(scalarText(node.value), node.at).map((port) =>
    mapNode(node.at, [
      ...(port.hostIp === undefined ? [] : [['host_ip', scalarNode(node.at, port.hostIp)] as const]),
      ...(port.published === undefined ? [] : [['published', scalarNode(node.at, port.published)] as const]),
      ['target', scalarNode(node.at, BigInt(port.target))],
      ['protocol', scalarNode(node.at, port.protocol)],
    ]),
  );
}

/** The old `external: {name: x}` means `external: true` and `name: x`. */
function expandExternal(resource: TreeMap, path: string, warn: (message: string) => void): void {
  const external = resource.entries.get('external');
  if (external?.kind !== 'map') return;
  resource.entries.set('external', scalarNode(external.at, true));
  const externalName = external.entries.get('name');
  if (!externalName) return;
  warn(`${path}: external.name is deprecated. Please set name and external: true`);
  const name = textAt(resource, 'name');
  if (name !== undefined && name !== textAt(external, 'name')) {
    throw invalidProject(
      'COMPOSE_INVALID',
      `${path}: name and external.name conflict; only use name`,
      external.at,
      'remove external.name and write `external: true`',
    );
  }
  if (name === undefined) resource.entries.set('name', externalName);
}

/** Makes relative paths absolute, in place. The tree must have only long forms. */
export function resolvePaths(root: TreeMap, directory: string): void {
  for (const service of children(mapAt(root, 'services'))) {
    const build = mapAt(service, 'build');
    changeText(build, 'context', (path) => resolveBuildContext(directory, path));
    changeText(mapAt(service, 'extends'), 'file', (path) => resolvePath(directory, path));
    for (const file of itemsAt(service, 'env_file')) {
      if (file.kind === 'map') changeText(file, 'path', (path) => path && resolvePath(directory, path));
    }
    changeItems(service, 'label_file', (item) => {
      const path = item.kind === 'scalar' ? scalarText(item.value) : '';
      return [scalarNode(item.at, path && resolvePath(directory, path))];
    });
    for (const mount of itemsAt(service, 'volumes')) {
      if (mount.kind !== 'map' || textAt(mount, 'type') !== 'bind') continue;
      if (!mount.entries.has('source')) {
        throw invalidProject(
          'COMPOSE_INVALID',
          'a bind mount needs a source',
          mount.at,
          'add `source: PATH`',
        );
      }
      changeText(mount, 'source', (path) => resolveMountSource(directory, path));
    }
  }
  for (const section of ['secrets', 'configs']) {
    for (const resource of children(mapAt(root, section))) {
      if (resource.kind === 'map')
        changeText(resource, 'file', (path) => resolveMountSource(directory, path));
    }
  }
}

/** Adds Compose's default values, in place. */
export function setDefaults(root: TreeMap): void {
  for (const service of children(mapAt(root, 'services'))) {
    const build = mapAt(service, 'build');
    if (build) setDefault(build, 'context', '.');
    for (const secret of itemsAt(service, 'secrets')) {
      setDefault(secret, 'target', `/run/secrets/${textAt(secret, 'source') ?? ''}`);
    }
    for (const port of itemsAt(service, 'ports')) setDefault(port, 'protocol', 'tcp');
  }
}

/** Returns the entries of a list at a key; empty if there is no list. */
export function itemsAt(node: TreeNode | undefined, key: string): TreeNode[] {
  const list = node?.kind === 'map' ? node.entries.get(key) : undefined;
  return list?.kind === 'list' ? list.items : [];
}

function asItems(node: TreeNode): TreeNode[] {
  if (node.kind === 'list') return node.items;
  return isNull(node) ? [] : [node];
}

function change(map: TreeNode, key: string, changed: (node: TreeNode) => TreeNode): void {
  const node = map.kind === 'map' ? map.entries.get(key) : undefined;
  if (node && map.kind === 'map') map.entries.set(key, changed(node));
}

function changeItems(map: TreeNode, key: string, changed: (item: TreeNode) => TreeNode[]): void {
  change(map, key, (node): TreeList | TreeNode =>
    node.kind === 'list' ? listNode(node.at, node.items.flatMap(changed)) : node,
  );
}

/** Resolves a path in place and keeps its original text. */
function changeText(map: TreeMap | undefined, key: string, changed: (text: string) => string): void {
  const text = textAt(map, key);
  const node = map?.entries.get(key);
  if (!map || !node || text === undefined) return;
  // Paths of an included file are made absolute twice.
  const written = writtenAt(map, key) ?? text;
  map.entries.set(key, { ...scalarNode(node.at, changed(text)), written });
}

function setDefault(node: TreeNode, key: string, value: string | boolean): void {
  if (node.kind === 'map' && !node.entries.has(key)) node.entries.set(key, scalarNode(node.at, value));
}
