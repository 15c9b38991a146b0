import { parseDuration } from './duration.js';
import { invalidProject, listInList } from './invalid.js';
import { nearest } from './nearest.js';
import { shellWords } from './shell-words.js';
import type { TreeMap, TreeNode } from './tree.js';

/** Checks a node; `values` asks for what Compose checks only once all files are merged, such as a duration's form. */
type Shape = (node: TreeNode, path: string, values: boolean) => void;

type ScalarType = 'string' | 'number' | 'integer' | 'boolean' | 'null';

/**
 * Checks the keys and types of a merged compose file: those of the Compose Specification's schema as of
 * compose-go 2.4.
 *
 * @throws UserError UNKNOWN_KEY or COMPOSE_INVALID at the first mistake in file order.
 */
export function checkSchema(root: TreeMap): void {
  checkNumbers(root, '');
  composeFile(root, '', false);
}

/** Compose checks a file as JSON, which has no such numbers: it refuses them anywhere, also under `x-…`. */
function checkNumbers(node: TreeNode, path: string): void {
  if (node.kind === 'map') {
    for (const [key, value] of node.entries) checkNumbers(value, join(path, key));
  } else if (node.kind === 'list') {
    for (const [index, item] of node.items.entries()) checkNumbers(item, `${path}[${index}]`);
  } else if (typeof node.value === 'number' && !Number.isFinite(node.value)) {
    const written = String(node.value).replace('Infinity', '.inf').replace('NaN', '.nan');
    throw invalidProject(
      'COMPOSE_INVALID',
      `${path} is ${written}, a number that Compose cannot take`,
      node.at,
      `quote it where it is a text: "${written}"`,
    );
  }
}

/** Checks what a schema cannot say of single values, once all files are merged. @throws UserError COMPOSE_INVALID */
export function checkValues(root: TreeMap): void {
  composeFile(root, '', true);
}

function refuse(node: TreeNode, path: string, expected: string): never {
  if (node.kind === 'list' && path.endsWith(']')) throw listInList(node.at);
  throw invalidProject(
    'COMPOSE_INVALID',
    `${path} must be ${expected}`,
    node.at,
    `it is ${article(typeName(node))}`,
  );
}

function typeName(node: TreeNode): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'mapping' : 'list';
  if (node.value === null) return 'empty value';
  if (typeof node.value === 'bigint') return 'number';
  return typeof node.value;
}

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`;
}

function fits(node: TreeNode, type: ScalarType): boolean {
  if (node.kind !== 'scalar') return false;
  const { value } = node;
  switch (type) {
    case 'null':
      return value === null;
    case 'number':
      return typeof value === 'bigint' || typeof value === 'number';
    case 'integer':
      return typeof value === 'bigint' || Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function scalar(...types: ScalarType[]): Shape {
  const expected = types
    .filter((type) => type !== 'null')
    .map(article)
    .join(' or ');
  return (node, path) => {
    if (!types.some((type) => fits(node, type))) refuse(node, path, expected);
  };
}

function within(shape: Shape, least: number, most = Number.POSITIVE_INFINITY): Shape {
  return (node, path, values) => {
    shape(node, path, values);
    if (node.kind !== 'scalar' || typeof node.value === 'string') return;
    if (Number(node.value) < least || Number(node.value) > most) {
      refuse(
        node,
        path,
        most === Number.POSITIVE_INFINITY ? `at least ${least}` : `from ${least} to ${most}`,
      );
    }
  };
}

function oneOf(...choices: string[]): Shape {
  return (node, path) => {
    if (node.kind !== 'scalar' || !choices.includes(node.value as string)) {
      refuse(node, path, `one of ${choices.join(', ')}`);
    }
  };
}

/** A string of a form that Compose checks last. */
function formed(expected: string, isFormed: (text: string) => boolean, type: Shape = text): Shape {
  return (node, path, values) => {
    type(node, path, values);
    if (!values || node.kind !== 'scalar' || typeof node.value !== 'string') return;
    if (!isFormed(node.value)) refuse(node, path, expected);
  };
}

function listOf(shape: Shape, { unique = false } = {}): Shape {
  return (node, path, values) => {
    if (node.kind !== 'list') return refuse(node, path, 'a list');
    const seen = new Set<string>();
    for (const [index, item] of node.items.entries()) {
      shape(item, `${path}[${index}]`, values);
      if (!unique || item.kind !== 'scalar') continue;
      const key = `${typeof item.value} ${item.value}`;
      if (seen.has(key)) refuse(item, path, 'free of doubles');
      seen.add(key);
    }
  };
}

const NAME = /^[a-zA-Z0-9._-]+$/;

/** A mapping with names of the author's own. */
function namedMap(shape: Shape, { name = NAME, strict = true } = {}): Shape {
  return (node, path, values) => {
    if (node.kind !== 'map') return refuse(node, path, 'a mapping');
    for (const [key, value] of node.entries) {
      if (name.test(key)) shape(value, join(path, key), values);
      else if (strict) {
        throw invalidProject(
          'COMPOSE_INVALID',
          `${path}: the name \`${key}\` is not allowed`,
          value.at,
          'use letters, digits, `.`, `_` and `-`',
        );
      }
    }
  };
}

/** A mapping with keys of Compose's own; `x-…` is the author's. */
function record(shapes: Record<string, Shape>, { required = [] as string[], extensions = true } = {}): Shape {
  return (node, path, values) => {
    if (node.kind !== 'map') return refuse(node, path, 'a mapping');
    for (const [key, value] of node.entries) {
      const shape = Object.hasOwn(shapes, key) ? shapes[key] : undefined;
      if (shape) shape(value, join(path, key), values);
      else if (!extensions || !key.startsWith('x-')) throw unknownKey(key, value, path, Object.keys(shapes));
    }
    const missing = required.find((key) => !node.entries.has(key));
    if (missing) {
      throw invalidProject(
        'COMPOSE_INVALID',
        `${path} needs \`${missing}\``,
        node.at,
        `add \`${missing}: …\``,
      );
    }
  };
}

function unknownKey(key: string, value: TreeNode, path: string, known: string[]) {
  const meant = nearest(key, known);
  return invalidProject(
    'UNKNOWN_KEY',
    path ? `${path}: \`${key}\` is not a key of Compose` : `\`${key}\` is not a top-level key of Compose`,
    value.at,
    meant ? `did you mean \`${meant}\`?` : 'remove it, or name it `x-…` if it is your own',
  );
}

/** Different shapes for different kinds of nodes. */
function either(shapes: { scalar?: Shape; list?: Shape; map?: Shape }, expected: string): Shape {
  return (node, path, values) => {
    const shape = shapes[node.kind];
    if (!shape) return refuse(node, path, expected);
    shape(node, path, values);
  };
}

function join(path: string, key: string): string {
  return path ? `${path}.${key}` : key;
}

const text = scalar('string');
const truth = scalar('boolean', 'string');
const number = scalar('number', 'string');
const integer = scalar('integer', 'string');
const anything: Shape = () => {};
const strings = listOf(text);
const uniqueStrings = listOf(text, { unique: true });
const textOrStrings = either({ scalar: text, list: uniqueStrings }, 'a string or a list');
const pairs = either(
  {
    map: namedMap(scalar('string', 'number', 'boolean', 'null'), { name: /./ }),
    list: uniqueStrings,
  },
  'a mapping or a list',
);
const hosts = either(
  {
    map: namedMap(either({ scalar: text, list: strings }, 'a string or a list'), { name: /./ }),
    list: listOf(
      formed('HOST=ADDRESS', (host) => /^[^=:]+[=:]/.test(host)),
      { unique: true },
    ),
  },
  'a mapping or a list',
);
const command = either(
  {
    scalar: formed(
      'a command with its quotes closed',
      (line) => shellWords(line) !== undefined,
      scalar('string', 'null'),
    ),
    list: strings,
  },
  'a string or a list',
);
const duration = formed('a duration such as 30s or 1m30s', (value) => parseDuration(value) !== undefined);
const byteSize = (type: Shape) =>
  formed('a size such as 512m or 2g', (value) => /^\d+(\.\d+)* ?[kKmMgGtTpP]?[iI]?[bB]?$/.test(value), type);

const grants = listOf(
  either(
    { scalar: text, map: record({ source: text, target: text, uid: text, gid: text, mode: number }) },
    'a string or a mapping',
  ),
);

const ulimits = namedMap(
  either(
    { scalar: integer, map: record({ hard: integer, soft: integer }, { required: ['soft', 'hard'] }) },
    'a number or a mapping',
  ),
  { name: /^[a-z]+$/, strict: false },
);

const hook = record({ command, user: text, privileged: truth, working_dir: text, environment: pairs });

const build = either(
  {
    scalar: text,
    map: record({
      context: text,
      dockerfile: text,
      dockerfile_inline: text,
      entitlements: strings,
      args: pairs,
      ssh: pairs,
      labels: pairs,
      cache_from: strings,
      cache_to: strings,
      no_cache: truth,
      additional_contexts: pairs,
      network: text,
      pull: truth,
      target: text,
      shm_size: byteSize(integer),
      extra_hosts: hosts,
      isolation: text,
      privileged: truth,
      secrets: grants,
      tags: strings,
      ulimits,
      platforms: strings,
    }),
  },
  'a string or a mapping',
);

const deviceRates = listOf(record({ path: text, rate: integer }, { extensions: false }));

const dependsOn = either(
  {
    list: uniqueStrings,
    map: namedMap(
      record(
        {
          restart: truth,
          required: scalar('boolean'),
          condition: oneOf('service_started', 'service_healthy', 'service_completed_successfully'),
        },
        { required: ['condition'] },
      ),
    ),
  },
  'a list or a mapping',
);

const serviceNetworks = either(
  {
    list: uniqueStrings,
    map: namedMap(
      either(
        {
          scalar: scalar('null'),
          map: record({
            aliases: uniqueStrings,
            ipv4_address: text,
            ipv6_address: text,
            link_local_ips: uniqueStrings,
            mac_address: text,
            driver_opts: namedMap(scalar('string', 'number'), { name: /./ }),
            priority: scalar('number'),
            gw_priority: scalar('number'),
          }),
        },
        'a mapping',
      ),
    ),
  },
  'a list or a mapping',
);

const mounts = listOf(
  either(
    {
      scalar: text,
      map: record(
        {
          type: text,
          source: text,
          target: text,
          read_only: truth,
          consistency: text,
          bind: record({
            propagation: text,
            create_host_path: truth,
            recursive: oneOf('enabled', 'disabled', 'writable', 'readonly'),
            selinux: oneOf('z', 'Z'),
          }),
          volume: record({ nocopy: truth, subpath: text }),
          tmpfs: record({ size: byteSize(within(integer, 0)), mode: number }),
        },
        { required: ['type'] },
      ),
    },
    'a string or a mapping',
  ),
  { unique: true },
);

const ports = listOf(
  either(
    {
      scalar: scalar('string', 'number'),
      map: record({
        name: text,
        mode: text,
        host_ip: text,
        target: integer,
        published: integer,
        protocol: text,
        app_protocol: text,
      }),
    },
    'a string, a number or a mapping',
  ),
  { unique: true },
);

const healthcheck = record({
  disable: truth,
  interval: duration,
  retries: within(number, 0),
  test: either({ scalar: text, list: strings }, 'a string or a list'),
  timeout: duration,
  start_period: duration,
  start_interval: duration,
});

const deviceRequest = {
  capabilities: uniqueStrings,
  count: integer,
  device_ids: uniqueStrings,
  driver: text,
  options: pairs,
};

const update = record({
  parallelism: integer,
  delay: duration,
  failure_action: text,
  monitor: duration,
  max_failure_ratio: number,
  order: oneOf('start-first', 'stop-first'),
});

const deploy = either(
  {
    scalar: scalar('null'),
    map: record({
      mode: text,
      endpoint_mode: text,
      replicas: integer,
      labels: pairs,
      rollback_config: update,
      update_config: update,
      resources: record({
        limits: record({ cpus: number, memory: byteSize(text), pids: integer }),
        reservations: record({
          cpus: number,
          memory: byteSize(text),
          generic_resources: listOf(
            record({ discrete_resource_spec: record({ kind: text, value: number }) }),
          ),
          devices: listOf(record(deviceRequest, { required: ['capabilities'] })),
        }),
      }),
      restart_policy: record({ condition: text, delay: duration, max_attempts: integer, window: duration }),
      placement: record({
        constraints: strings,
        preferences: listOf(record({ spread: text })),
        max_replicas_per_node: integer,
      }),
    }),
  },
  'a mapping',
);

const develop = either(
  {
    scalar: scalar('null'),
    map: record({
      watch: listOf(
        record(
          {
            ignore: strings,
            path: text,
            action: oneOf('rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec'),
            target: text,
            exec: hook,
          },
          { required: ['path', 'action'] },
        ),
      ),
    }),
  },
  'a mapping',
);

const service = record({
  develop,
  deploy,
  annotations: pairs,
  attach: truth,
  build,
  blkio_config: record(
    {
      device_read_bps: deviceRates,
      device_read_iops: deviceRates,
      device_write_bps: deviceRates,
      device_write_iops: deviceRates,
      weight: integer,
      weight_device: listOf(record({ path: text, weight: integer }, { extensions: false })),
    },
    { extensions: false },
  ),
  cap_add: uniqueStrings,
  cap_drop: uniqueStrings,
  cgroup: oneOf('host', 'private'),
  cgroup_parent: text,
  command,
  configs: grants,
  container_name: text,
  cpu_count: within(integer, 0),
  cpu_percent: within(integer, 0, 100),
  cpu_shares: number,
  cpu_quota: number,
  cpu_period: number,
  cpu_rt_period: number,
  cpu_rt_runtime: number,
  cpus: number,
  cpuset: text,
  credential_spec: record({ config: text, file: text, registry: text }),
  depends_on: dependsOn,
  device_cgroup_rules: uniqueStrings,
  devices: listOf(
    either(
      {
        scalar: text,
        map: record({ source: text, target: text, permissions: text }, { required: ['source'] }),
      },
      'a string or a mapping',
    ),
  ),
  dns: textOrStrings,
  dns_opt: uniqueStrings,
  dns_search: textOrStrings,
  domainname: text,
  entrypoint: command,
  env_file: either(
    {
      scalar: text,
      list: listOf(
        either(
          {
            scalar: text,
            map: record(
              { path: text, format: text, required: truth },
              { required: ['path'], extensions: false },
            ),
          },
          'a string or a mapping',
        ),
      ),
    },
    'a string or a list',
  ),
  label_file: either({ scalar: text, list: strings }, 'a string or a list'),
  environment: pairs,
  expose: listOf(scalar('string', 'number'), { unique: true }),
  extends: either(
    {
      scalar: text,
      map: record({ service: text, file: text }, { required: ['service'], extensions: false }),
    },
    'a string or a mapping',
  ),
  external_links: uniqueStrings,
  extra_hosts: hosts,
  gpus: either({ scalar: oneOf('all'), list: listOf(namedMap(anything, { name: /./ })) }, '`all` or a list'),
  group_add: listOf(scalar('string', 'number'), { unique: true }),
  healthcheck,
  hostname: text,
  image: text,
  init: truth,
  ipc: text,
  isolation: text,
  labels: pairs,
  links: uniqueStrings,
  logging: record({ driver: text, options: namedMap(scalar('string', 'number', 'null'), { name: /./ }) }),
  mac_address: text,
  mem_limit: byteSize(number),
  mem_reservation: byteSize(integer),
  mem_swappiness: byteSize(integer),
  memswap_limit: byteSize(number),
  network_mode: text,
  networks: serviceNetworks,
  oom_kill_disable: truth,
  oom_score_adj: within(integer, -1000, 1000),
  pid: scalar('string', 'null'),
  pids_limit: number,
  platform: text,
  ports,
  post_start: listOf(hook),
  pre_stop: listOf(hook),
  privileged: truth,
  profiles: uniqueStrings,
  pull_policy: oneOf('always', 'never', 'if_not_present', 'build', 'missing'),
  read_only: truth,
  restart: text,
  runtime: text,
  scale: integer,
  security_opt: uniqueStrings,
  shm_size: byteSize(number),
  secrets: grants,
  sysctls: pairs,
  stdin_open: truth,
  stop_grace_period: duration,
  stop_signal: text,
  storage_opt: namedMap(anything, { name: /./ }),
  tmpfs: textOrStrings,
  tty: truth,
  ulimits,
  user: text,
  uts: text,
  userns_mode: text,
  volumes: mounts,
  volumes_from: uniqueStrings,
  working_dir: text,
});

const driverOptions = namedMap(scalar('string', 'number'), { name: /./ });
const external = either({ scalar: truth, map: record({ name: text }) }, 'a boolean');

const network = either(
  {
    scalar: scalar('null'),
    map: record({
      name: text,
      driver: text,
      driver_opts: driverOptions,
      ipam: record({
        driver: text,
        config: listOf(
          record({
            subnet: text,
            ip_range: text,
            gateway: text,
            aux_addresses: namedMap(text, { name: /./ }),
          }),
        ),
        options: namedMap(text, { name: /./ }),
      }),
      external,
      internal: truth,
      enable_ipv4: truth,
      enable_ipv6: truth,
      attachable: truth,
      labels: pairs,
    }),
  },
  'a mapping',
);

const volume = either(
  {
    scalar: scalar('null'),
    map: record({ name: text, driver: text, driver_opts: driverOptions, external, labels: pairs }),
  },
  'a mapping',
);

const secret = record({
  name: text,
  environment: text,
  file: text,
  external,
  labels: pairs,
  driver: text,
  driver_opts: driverOptions,
  template_driver: text,
});

const config = record({
  name: text,
  content: text,
  environment: text,
  file: text,
  external,
  labels: pairs,
  template_driver: text,
});

const composeFile = record({
  version: text,
  name: text,
  include: listOf(anything),
  services: namedMap(service),
  networks: namedMap(network, { strict: false }),
  volumes: namedMap(volume),
  secrets: namedMap(secret),
  configs: namedMap(config),
});
