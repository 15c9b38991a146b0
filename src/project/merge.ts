import { invalidProject, listInList } from './invalid.js';
import { parseMount } from './mounts.js';
import { scalarText } from './scalar.js';
import {
  cloneTree,
  isNull,
  listNode,
  mapNode,
  type ScalarValue,
  scalarNode,
  type TreeList,
  type TreeMap,
  type TreeNode,
  type TreeScalar,
  textAt,
} from './tree.js';
import { matching, patternTable, type TreePath } from './tree-path.js';

type Merger = (base: TreeNode, over: TreeNode, path: TreePath) => TreeNode;

// Compose's special rules (compose-go, override/merge.go). At all other paths, maps are merged and lists
// appended.
const MERGERS = patternTable<Merger>([
  ['networks.*.labels', mergeAsLists],
  ['volumes.*.labels', mergeAsLists],
  ['services.*.annotations', mergeAsLists],
  ['services.*.build', mergeBuild],
  ['services.*.build.args', mergeAsLists],
  ['services.*.build.additional_contexts', mergeAsLists],
  ['services.*.build.extra_hosts', mergeHosts],
  ['services.*.build.labels', mergeAsLists],
  ['services.*.command', replace],
  ['services.*.depends_on', mergeDependencies],
  ['services.*.deploy.labels', mergeAsLists],
  ['services.*.dns', mergeAsLists],
  ['services.*.dns_opt', mergeAsLists],
  ['services.*.dns_search', mergeAsLists],
  ['services.*.entrypoint', replace],
  ['services.*.env_file', mergeAsLists],
  ['services.*.label_file', mergeAsLists],
  ['services.*.environment', mergeAsLists],
  ['services.*.extra_hosts', mergeHosts],
  ['services.*.healthcheck.test', replace],
  ['services.*.labels', mergeAsLists],
  ['services.*.logging', mergeLogging],
  ['services.*.networks', mergeServiceNetworks],
  ['services.*.sysctls', mergeAsLists],
  ['services.*.tmpfs', mergeAsLists],
  ['services.*.ulimits.*', replace],
]);

type Identity = (entry: TreeNode) => string | undefined;

// In these lists a later entry replaces an earlier one with the same identity (compose-go,
// override/uncity.go).
const IDENTITIES = patternTable<Identity>([
  ['networks.*.labels', keyOfPair],
  ['services.*.annotations', keyOfPair],
  ['services.*.build.args', keyOfPair],
  ['services.*.build.additional_contexts', keyOfPair],
  ['services.*.build.tags', keyOfPair],
  ['services.*.build.labels', keyOfPair],
  ['services.*.cap_add', keyOfPair],
  ['services.*.cap_drop', keyOfPair],
  ['services.*.configs', (entry) => targetOfGrant(entry, '')],
  ['services.*.deploy.labels', keyOfPair],
  ['services.*.devices', targetOfDevice],
  ['services.*.dns', keyOfPair],
  ['services.*.dns_opt', keyOfPair],
  ['services.*.dns_search', keyOfPair],
  ['services.*.environment', keyOfPair],
  ['services.*.env_file', (entry) => textAt(entry, 'path') ?? keyOfScalar(entry)],
  ['services.*.expose', keyOfScalar],
  ['services.*.labels', keyOfPair],
  ['services.*.links', keyOfPair],
  ['services.*.networks.*.aliases', keyOfPair],
  ['services.*.networks.*.link_local_ips', keyOfPair],
  ['services.*.ports', bindingOfPort],
  ['services.*.profiles', keyOfPair],
  ['services.*.secrets', (entry) => targetOfGrant(entry, '/run/secrets')],
  ['services.*.sysctls', keyOfPair],
  ['services.*.tmpfs', keyOfPair],
  ['services.*.volumes', targetOfMount],
]);

/** Merges a compose file over the earlier files. */
export function mergeFiles(base: TreeMap, over: TreeMap): TreeMap {
  return mergeMaps(base, over, []);
}

/** Merges a service over the one that it extends. */
export function extendService(base: TreeMap, service: TreeMap): TreeMap {
  return merge(base, service, ['services', 'x']) as TreeMap;
}

function merge(base: TreeNode, over: TreeNode, path: TreePath): TreeNode {
  const merger = matching(path, MERGERS);
  if (merger) return merger(base, over, path);
  if (isNull(over)) return base;
  if (base.kind === 'scalar') return over;
  if (base.kind !== over.kind) {
    throw invalidProject(
      'COMPOSE_INVALID',
      `cannot override ${path.join('.')}: it is a ${base.kind === 'map' ? 'mapping' : 'list'} in ${base.at.file}`,
      over.at,
    );
  }
  return base.kind === 'map'
    ? mergeMaps(base, over as TreeMap, path)
    : listNode(over.at, [...base.items, ...(over as TreeList).items]);
}

function mergeMaps(base: TreeMap, over: TreeMap, path: TreePath): TreeMap {
  const merged = mapNode(over.at, base.entries);
  for (const [key, value] of over.entries) {
    const earlier = base.entries.get(key);
    const replaces = earlier === undefined || key.startsWith('x-');
    merged.entries.set(key, replaces ? value : merge(earlier, value, [...path, key]));
  }
  return merged;
}

function replace(_base: TreeNode, over: TreeNode): TreeNode {
  return over;
}

function mergeAsLists(base: TreeNode, over: TreeNode): TreeNode {
  return listNode(over.at, [...asList(base), ...asList(over)]);
}

/** Merges hosts: an entry of the later file is dropped if the earlier file has it with the same text. */
function mergeHosts(base: TreeNode, over: TreeNode): TreeNode {
  const hosts = asList(base);
  const known = new Set(hosts.map(keyOfScalar));
  return listNode(over.at, [...hosts, ...asList(over).filter((host) => !known.has(keyOfScalar(host)))]);
}

/** Returns a mapping as `KEY=value` entries, in Compose's sorted order; a scalar as a list with one entry. */
function asList(node: TreeNode): TreeNode[] {
  if (node.kind === 'list') return node.items;
  if (node.kind === 'scalar') return typeof node.value === 'string' ? [node] : [];
  return [...node.entries].flatMap(([key, value]): TreeNode[] => {
    if (value.kind === 'list') return value.items.map((item) => pairEntry(key, item));
    return [pairEntry(key, value)];
  });
}

function pairEntry(key: string, value: TreeNode): TreeScalar {
  if (value.kind !== 'scalar') return scalarNode(value.at, key);
  const text = value.value === null ? key : `${key}=${scalarText(value.value)}`;
  return { ...value, value: text };
}

function mergeBuild(base: TreeNode, over: TreeNode, path: TreePath): TreeNode {
  return mergeMaps(asBuild(base), asBuild(over), path);
}

function asBuild(node: TreeNode): TreeMap {
  if (node.kind === 'map') return node;
  return mapNode(node.at, isNull(node) ? [] : [['context', node]]);
}

function mergeDependencies(base: TreeNode, over: TreeNode, path: TreePath): TreeNode {
  return mergeMaps(dependenciesAsMap(base), dependenciesAsMap(over), path);
}

/** The long form of `depends_on`. */
export function dependenciesAsMap(node: TreeNode): TreeMap {
  return asMap(node, (item) =>
    mapNode(item.at, [
      ['condition', scalarNode(item.at, 'service_started')],
      ['required', scalarNode(item.at, true)],
    ]),
  );
}

function mergeServiceNetworks(base: TreeNode, over: TreeNode, path: TreePath): TreeNode {
  return mergeMaps(serviceNetworksAsMap(base), serviceNetworksAsMap(over), path);
}

/** The long form of a service's `networks`. */
export function serviceNetworksAsMap(node: TreeNode): TreeMap {
  return asMap(node, (item) => scalarNode(item.at, null));
}

function asMap(node: TreeNode, value: (item: TreeNode) => TreeNode): TreeMap {
  if (node.kind === 'map') return node;
  const items = node.kind === 'list' ? node.items : [];
  return mapNode(
    node.at,
    items.map((item) => [keyOfScalar(item) ?? '', value(item)]),
  );
}

/** The options of a logging driver are kept only if both files name the same driver. */
function mergeLogging(base: TreeNode, over: TreeNode, path: TreePath): TreeNode {
  if (base.kind !== 'map' || over.kind !== 'map') return isNull(over) ? base : over;
  const [driver, overDriver] = [textAt(base, 'driver'), textAt(over, 'driver')];
  const same = driver === undefined || overDriver === undefined || driver === overDriver;
  return same ? mergeMaps(base, over, path) : over;
}

/**
 * Removes duplicates from the lists in which Compose does so: a later entry takes the place of the earlier
 * one.
 */
export function removeDuplicates<T extends TreeNode>(node: T, path: TreePath = []): T {
  if (node.kind === 'map') {
    for (const [key, value] of node.entries) node.entries.set(key, removeDuplicates(value, [...path, key]));
    return node;
  }
  const identity = node.kind === 'list' ? matching(path, IDENTITIES) : undefined;
  if (!identity || node.kind !== 'list') return node;
  const unique: TreeNode[] = [];
  const places = new Map<string, number>();
  for (const item of node.items) {
    const key = identity(item);
    const place = key === undefined ? undefined : places.get(key);
    if (key === undefined) unique.push(item);
    else if (place === undefined) places.set(key, unique.push(item) - 1);
    else unique[place] = withReplaced(item, unique[place] as TreeNode);
  }
  node.items = unique;
  return node;
}

function withReplaced(item: TreeNode, earlier: TreeNode): TreeNode {
  if (item.kind !== 'scalar' || earlier.kind !== 'scalar') return item;
  return { ...cloneTree(item), replaced: [earlier, ...(earlier.replaced ?? [])] };
}

function keyOfScalar(entry: TreeNode): string | undefined {
  return entry.kind === 'scalar' ? scalarText(entry.value) : undefined;
}

function keyOfPair(entry: TreeNode): string | undefined {
  return keyOfScalar(entry)?.split('=', 1)[0];
}

function targetOfGrant(entry: TreeNode, folder: string): string | undefined {
  if (entry.kind === 'scalar') return `${folder}/${scalarText(entry.value)}`;
  return textAt(entry, 'target') ?? `${folder}/${textAt(entry, 'source')}`;
}

function targetOfDevice(entry: TreeNode): string | undefined {
  if (entry.kind !== 'scalar') return textAt(entry, 'target');
  const [source, target] = scalarText(entry.value).split(':');
  return target ?? source;
}

function targetOfMount(entry: TreeNode): string | undefined {
  if (entry.kind !== 'scalar') {
    const target = textAt(entry, 'target');
    if (target === undefined) {
      throw entry.kind === 'list'
        ? listInList(entry.at)
        : invalidProject('COMPOSE_INVALID', 'this mount has no target', entry.at, 'add `target: /path`');
    }
    return target;
  }
  return parseMount(scalarText(entry.value), entry.at).target;
}

function bindingOfPort(entry: TreeNode): string | undefined {
  if (entry.kind !== 'map') return keyOfScalar(entry);
  if (!entry.entries.has('target')) {
    throw invalidProject('COMPOSE_INVALID', 'this port has no target', entry.at, 'add `target: PORT`');
  }
  const part = (key: string, otherwise = ''): ScalarValue => {
    const node = entry.entries.get(key);
    return node?.kind === 'scalar' ? node.value : otherwise;
  };
  const published = part('published');
  // Compose treats a published 80 and a published "80" as two ports.
  const host = `${typeof published} ${scalarText(published)}`;
  return [part('host_ip', '0.0.0.0'), host, part('target'), part('protocol', 'tcp')]
    .map(scalarText)
    .join(' ');
}
