import { itemsAt } from './canonical.js';
import { invalidProject } from './invalid.js';
import { nearest } from './nearest.js';
import { pairsOf } from './normalize.js';
import { scalarText } from './scalar.js';
import { mapAt, type TreeMap, type TreeNode, textAt } from './tree.js';

/**
 * Checks that the active services of a project are consistent: their images or builds, their references, and
 * that their dependencies have no cycle.
 * @param active services that no inactive profile hides
 * @throws UserError COMPOSE_INVALID, UNDEFINED_NETWORK, UNDEFINED_VOLUME, UNDEFINED_SECRET, UNDEFINED_CONFIG,
 * UNDEFINED_SERVICE or DEPENDENCY_CYCLE, with file and line.
 */
export function checkConsistency(project: TreeMap, active: ReadonlySet<string>): void {
  const services = mapAt(project, 'services');
  for (const name of active) {
    const service = services?.entries.get(name);
    if (service?.kind === 'map') checkService(project, name, service, active);
  }
  for (const [name, secret] of mapAt(project, 'secrets')?.entries ?? []) {
    if (secret.kind !== 'map' || truthOf(secret, 'external')) continue;
    if (!textAt(secret, 'file') && !textAt(secret, 'environment')) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `secrets.${name} must declare either \`file\` or \`environment\``,
        secret.at,
        `add \`file: ./secrets/${name}.txt\``,
      );
    }
  }
  checkCycle(project, active);
}

function checkService(project: TreeMap, name: string, service: TreeMap, active: ReadonlySet<string>): void {
  const invalid = (message: string, node: TreeNode, hint?: string) =>
    invalidProject('COMPOSE_INVALID', `services.${name}: ${message}`, node.at, hint);
  const build = mapAt(service, 'build');
  if (!build && !textAt(service, 'image') && !mapAt(service, 'provider')) {
    throw invalid('neither an image nor a build context is specified', service, 'add `image:` or `build:`');
  }
  if (build) checkBuild(project, service, build, invalid, active);

  const networks = mapAt(service, 'networks');
  const mode = service.entries.get('network_mode');
  if (textAt(service, 'network_mode') && networks && networks.entries.size > 0) {
    throw invalid('`network_mode` and `networks` exclude each other', mode as TreeNode, 'keep one of them');
  }
  for (const [network, node] of networks?.entries ?? []) {
    checkDefined(project, 'networks', name, network, node);
  }
  const test = itemsAt(service.entries.get('healthcheck'), 'test')[0];
  if (test?.kind === 'scalar' && !['CMD', 'CMD-SHELL', 'NONE'].includes(String(test.value))) {
    throw invalid(
      'healthcheck.test must start with CMD, CMD-SHELL or NONE',
      test,
      'write ["CMD", program, argument, …] or ["CMD-SHELL", "a shell line"]',
    );
  }
  checkDependencies(project, name, service, active);
  for (const mount of itemsAt(service, 'volumes')) {
    const source = textAt(mount, 'source');
    if (textAt(mount, 'type') === 'volume' && source) {
      checkDefined(project, 'volumes', name, source, mount);
    }
  }
  for (const config of itemsAt(service, 'configs')) {
    checkDefined(project, 'configs', name, textAt(config, 'source') ?? '', config);
  }
  for (const secret of itemsAt(service, 'secrets')) {
    checkDefined(project, 'secrets', name, textAt(secret, 'source') ?? '', secret);
  }
  checkLimits(service, invalid);
  for (const watch of itemsAt(mapAt(service, 'develop'), 'watch')) {
    if (!textAt(watch, 'target') && !['rebuild', 'restart'].includes(textAt(watch, 'action') ?? '')) {
      throw invalid('develop.watch needs a target for this action', watch, 'add `target: /path`');
    }
  }
}

type Invalid = (message: string, node: TreeNode, hint?: string) => Error;

function checkBuild(
  project: TreeMap,
  service: TreeMap,
  build: TreeMap,
  invalid: Invalid,
  active: ReadonlySet<string>,
): void {
  if (textAt(build, 'dockerfile_inline') && textAt(build, 'dockerfile')) {
    throw invalid('`dockerfile` and `dockerfile_inline` exclude each other', build, 'keep one of them');
  }
  const contexts = build.entries.get('additional_contexts');
  for (const [key, node] of contexts ? pairsOf(contexts) : []) {
    const context = node.kind === 'scalar' ? scalarText(node.value) : '';
    if (!context.startsWith('service:')) continue;
    const target = context.slice('service:'.length);
    const other = active.has(target) ? mapAt(project, 'services', target) : undefined;
    if (!other?.entries.has('build')) {
      throw invalid(
        `the build context ${key} refers to ${target}, which is not a service that is built`,
        node,
      );
    }
  }
  for (const secret of itemsAt(build, 'secrets')) {
    const source = secret.kind === 'scalar' ? String(secret.value) : textAt(secret, 'source');
    if (!mapAt(project, 'secrets')?.entries.has(source ?? '')) {
      throw invalid(`the build secret ${source} is not defined`, secret, 'define it under `secrets:`');
    }
  }
  const platform = textAt(service, 'platform');
  const platforms = itemsAt(build, 'platforms');
  if (platform && platforms.length > 0 && !platforms.some((node) => String(plainValue(node)) === platform)) {
    throw invalid(`build.platforms must include the service's platform ${platform}`, build);
  }
}

const SECTIONS = {
  networks: { noun: 'network', code: 'UNDEFINED_NETWORK' },
  volumes: { noun: 'volume', code: 'UNDEFINED_VOLUME' },
  secrets: { noun: 'secret', code: 'UNDEFINED_SECRET' },
  configs: { noun: 'config', code: 'UNDEFINED_CONFIG' },
} as const;

function checkDefined(
  project: TreeMap,
  section: keyof typeof SECTIONS,
  service: string,
  key: string,
  node: TreeNode,
): void {
  const defined = mapAt(project, section);
  if (defined?.entries.has(key)) return;
  const meant = nearest(key, [...(defined?.entries.keys() ?? [])]);
  if (section === 'volumes' && /[/\\]/.test(key)) {
    throw invalidProject(
      'UNDEFINED_VOLUME',
      `services.${service} mounts ${key}, which Compose takes for the name of a volume`,
      node.at,
      `write ./${key.replaceAll('\\', '/')} for a folder of the project`,
    );
  }
  const { noun, code } = SECTIONS[section];
  throw invalidProject(
    code,
    `services.${service} refers to the ${noun} ${key}, which is not defined`,
    node.at,
    meant ? `did you mean \`${meant}\`?` : `define it under the top-level \`${section}:\``,
  );
}

function checkDependencies(
  project: TreeMap,
  name: string,
  service: TreeMap,
  active: ReadonlySet<string>,
): void {
  const defined = mapAt(project, 'services');
  const check = (other: string, node: TreeNode, required: boolean) => {
    if (active.has(other)) return;
    const hidden = defined?.entries.has(other) ?? false;
    if (hidden && !required) return;
    const meant = nearest(other, [...active]);
    const profiles = itemsAt(mapAt(defined, other), 'profiles').map((node) => String(plainValue(node)));
    throw invalidProject(
      'UNDEFINED_SERVICE',
      `services.${name} depends on ${other}, ${hidden ? 'which no active profile enables' : 'which is not defined'}`,
      node.at,
      hidden
        ? `set COMPOSE_PROFILES=${profiles[0]}, or \`required: false\` on the dependency`
        : meant
          ? `did you mean \`${meant}\`?`
          : `define ${other} under \`services:\``,
    );
  };
  for (const [other, dependency] of mapAt(service, 'depends_on')?.entries ?? []) {
    check(other, dependency, truthOf(dependency, 'required'));
  }
  const mode = textAt(service, 'network_mode');
  if (mode?.startsWith('service:')) {
    check(mode.slice('service:'.length), service.entries.get('network_mode') as TreeNode, true);
  }
}

/** Keys that exist twice, once for Compose and once under `deploy`, must agree. */
function checkLimits(service: TreeMap, invalid: Invalid): void {
  const scale = plainValue(service.entries.get('scale'));
  const replicas = plainValue(mapAt(service, 'deploy')?.entries.get('replicas'));
  const differ = (key: string, deployKey: string) => {
    const node = service.entries.get(key) as TreeNode;
    return invalid(`\`${key}\` and \`deploy.${deployKey}\` have distinct values`, node, 'keep one of them');
  };
  if (scale !== undefined && replicas !== undefined && Number(scale) !== Number(replicas)) {
    throw differ('scale', 'replicas');
  }
  for (const [key, section, deployKey, read] of [
    ['cpus', 'limits', 'cpus', Number],
    ['mem_limit', 'limits', 'memory', bytes],
    ['mem_reservation', 'reservations', 'memory', bytes],
    ['pids_limit', 'limits', 'pids', Number],
  ] as const) {
    const own = plainValue(service.entries.get(key));
    const resources = mapAt(service, 'deploy', 'resources', section);
    if (own === undefined || read(own) === 0 || !resources) continue;
    if (read(own) !== read(plainValue(resources.entries.get(deployKey)) ?? '0')) {
      throw differ(key, `resources.${section}.${deployKey}`);
    }
  }
  const containerName = service.entries.get('container_name');
  if (textAt(service, 'container_name') && containerName && Number(scale ?? replicas ?? 1) > 1) {
    throw invalid(
      '`container_name` and more than one replica exclude each other',
      containerName,
      'remove container_name',
    );
  }
}

const BYTE_UNITS = 'kmgtp';

function bytes(value: unknown): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp])?i?b?$/i.exec(String(value));
  if (!match) return 0;
  const power = match[2] ? BYTE_UNITS.indexOf(match[2].toLowerCase()) + 1 : 0;
  return Math.trunc(Number(match[1]) * 1024 ** power);
}

function checkCycle(project: TreeMap, active: ReadonlySet<string>): void {
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]) => {
    if (done.has(name)) return;
    for (const [other, node] of mapAt(project, 'services', name, 'depends_on')?.entries ?? []) {
      if (!active.has(other)) continue;
      const start = [...trail, name].indexOf(other);
      if (start >= 0) {
        throw invalidProject(
          'DEPENDENCY_CYCLE',
          `services depend on each other in a circle: ${[...trail, name, other].slice(start).join(' → ')}`,
          node.at,
          'remove one of these dependencies',
        );
      }
      visit(other, [...trail, name]);
    }
    done.add(name);
  };
  for (const name of active) visit(name, []);
}

function plainValue(node: TreeNode | undefined): unknown {
  return node?.kind === 'scalar' ? (node.value ?? undefined) : undefined;
}

function truthOf(node: TreeNode, key: string): boolean {
  const value = node.kind === 'map' ? node.entries.get(key) : undefined;
  return value?.kind === 'scalar' && String(value.value) === 'true';
}
