import { itemsAt } from './canonical.js';
import { cleanPath } from './paths.js';
import type { ProjectEnvironment } from './project-environment.js';
import { isNull, mapAt, mapNode, scalarNode, type TreeMap, type TreeNode, textAt } from './tree.js';

const SHARED_NAMESPACES = ['network_mode', 'ipc', 'pid', 'uts', 'cgroup'];

/** Adds the implied parts of a project in place: the default network, dependencies, names. */
export function normalize(project: TreeMap, name: string, environment: ProjectEnvironment): void {
  addDefaultNetwork(project);
  for (const service of mapAt(project, 'services')?.entries.values() ?? []) {
    if (service.kind !== 'map') continue;
    const build = mapAt(service, 'build');
    if (build) {
      if (!build.entries.has('dockerfile') && !build.entries.has('dockerfile_inline')) {
        build.entries.set('dockerfile', scalarNode(build.at, 'Dockerfile'));
      }
      dropUnsetArguments(build, environment);
    }
    for (const mount of itemsAt(service, 'volumes')) {
      const target = textAt(mount, 'target');
      if (mount.kind === 'map' && target !== undefined) {
        mount.entries.set('target', scalarNode(mount.at, cleanPath(target)));
      }
    }
    addImpliedDependencies(service);
  }
  for (const section of ['networks', 'volumes', 'secrets', 'configs']) nameResources(project, section, name);
}

/** A bare build argument takes the project environment's value; if there is none, it is not passed at all. */
function dropUnsetArguments(build: TreeMap, environment: ProjectEnvironment): void {
  const args = build.entries.get('args');
  if (!args) return;
  const resolved = mapNode(args.at);
  for (const [name, node] of pairsOf(args)) {
    const value = isNull(node) ? environment.lookup(name) : undefined;
    if (value !== undefined) resolved.entries.set(name, scalarNode(node.at, value));
    else if (!isNull(node)) resolved.entries.set(name, node);
  }
  build.entries.set('args', resolved);
}

/** Returns the pairs of a mapping or of a list of `KEY=value`; a bare key has a null value. */
export function pairsOf(node: TreeNode): [string, TreeNode][] {
  if (node.kind === 'map') return [...node.entries];
  if (node.kind === 'scalar') return [];
  return node.items.flatMap((item): [string, TreeNode][] => {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') return [];
    const sign = item.value.indexOf('=');
    if (sign < 0) return [[item.value, { ...item, value: null }]];
    return [[item.value.slice(0, sign), { ...item, value: item.value.slice(sign + 1) }]];
  });
}

function addDefaultNetwork(project: TreeMap): void {
  let used = false;
  for (const service of mapAt(project, 'services')?.entries.values() ?? []) {
    if (service.kind !== 'map' || service.entries.has('network_mode')) continue;
    const networks = mapAt(service, 'networks');
    if (!networks || networks.entries.size === 0) {
      service.entries.set('networks', mapNode(service.at, [['default', scalarNode(service.at, null)]]));
    }
    used ||= mapAt(service, 'networks')?.entries.has('default') ?? false;
  }
  if (!used) return;
  const networks = mapAt(project, 'networks') ?? mapNode(project.at);
  if (!networks.entries.has('default')) networks.entries.set('default', scalarNode(project.at, null));
  project.entries.set('networks', networks);
}

/** `links`, `volumes_from` and a namespace of another service make a service depend on that service. */
function addImpliedDependencies(service: TreeMap): void {
  const implied: [string, TreeNode][] = [];
  for (const link of itemsAt(service, 'links')) implied.push([textOf(link).split(':', 1)[0] as string, link]);
  for (const key of SHARED_NAMESPACES) {
    const shared = textAt(service, key);
    if (shared?.startsWith('service:')) {
      implied.push([shared.slice('service:'.length), service.entries.get(key) as TreeNode]);
    }
  }
  for (const from of itemsAt(service, 'volumes_from')) {
    if (!textOf(from).startsWith('container:')) implied.push([textOf(from).split(':', 1)[0] as string, from]);
  }
  if (implied.length === 0) return;
  const dependencies = mapAt(service, 'depends_on') ?? mapNode(service.at);
  for (const [name, node] of implied) {
    if (dependencies.entries.has(name)) continue;
    dependencies.entries.set(
      name,
      mapNode(node.at, [
        ['condition', scalarNode(node.at, 'service_started')],
        ['required', scalarNode(node.at, true)],
      ]),
    );
  }
  service.entries.set('depends_on', dependencies);
}

function textOf(node: TreeNode): string {
  return node.kind === 'scalar' ? String(node.value) : '';
}

/**
 * Names a resource without a name: by its key if it is external, otherwise by the project's name and its key.
 */
function nameResources(project: TreeMap, section: string, projectName: string): void {
  const resources = mapAt(project, section);
  for (const [key, node] of resources?.entries ?? []) {
    const resource = node.kind === 'map' ? node : mapNode(node.at);
    resources?.entries.set(key, resource);
    const name = resource.entries.get('name');
    if (name && !isNull(name)) continue;
    const external = resource.entries.get('external');
    const isExternal = external?.kind === 'scalar' && external.value === true;
    resource.entries.set('name', scalarNode(node.at, isExternal ? key : `${projectName}_${key}`));
  }
}
