import { imageName } from '../../project/model.js';
import { plain, type TreeMap, type TreeNode } from '../../project/tree.js';
import { type ExportSource, keysOf, oneShots, serviceTree, withoutSecrets } from '../source.js';
import { writtenEnvironment } from './environment.js';
import type { Json } from './json.js';
import { networkName } from './json.js';
import { writtenMounts } from './mounts.js';
import { endpoint, writtenPorts } from './ports.js';
import { placement, resources, restartPolicy, updates } from './rollout.js';
import type { StackParts, WrittenService } from './written-service.js';

type Rule = (service: WrittenService, key: string, node: TreeNode) => void;

const kept: Rule = ({ out }, key, node) => {
  const value = plain(node);
  if (value !== null) out[key] = value;
};

const lost =
  (message: string): Rule =>
  ({ losses, name }, key, node) =>
    losses.lost(`services.${name}.${key}`, node, message);

const changed =
  (message: string): Rule =>
  ({ losses, name }, key, node) =>
    losses.changed(`services.${name}.${key}`, node, message);

/** For keys that are read together with others, at the end. */
const elsewhere: Rule = () => {};

/** Rules for the keys of a service in Compose's schema. A key without a rule is reported as lost. */
const RULES: Readonly<Record<string, Rule>> = {
  image: elsewhere,
  build: changed('Swarm builds nothing: build the image, and push it where every node can pull it'),
  command: kept,
  entrypoint: kept,
  user: kept,
  working_dir: kept,
  hostname: kept,
  labels: kept,
  healthcheck: kept,
  init: kept,
  read_only: kept,
  cap_add: kept,
  cap_drop: kept,
  stop_grace_period: kept,
  stop_signal: kept,
  sysctls: kept,
  logging: kept,
  tty: kept,
  stdin_open: kept,
  dns: kept,
  dns_search: kept,
  isolation: kept,
  ulimits: kept,
  credential_spec: kept,
  environment: elsewhere,
  env_file: elsewhere,
  ports: elsewhere,
  volumes: elsewhere,
  tmpfs: elsewhere,
  shm_size: elsewhere,
  deploy: elsewhere,
  restart: elsewhere,
  mem_limit: elsewhere,
  mem_reservation: elsewhere,
  cpus: elsewhere,
  pids_limit: elsewhere,
  scale: elsewhere,
  extends: elsewhere,
  secrets: ({ out }, _, node) => {
    out.secrets = grants(node);
  },
  configs: ({ out }, _, node) => {
    out.configs = grants(node);
  },
  networks: (service, _, node) => {
    service.out.networks = networksOf(service, node);
  },
  network_mode: (service, key, node) => {
    const mode = String(plain(node));
    if (mode === 'host' || mode === 'none') {
      service.predefined.add(mode);
      service.out.networks = [networkName(mode)];
    } else if (mode !== 'bridge' && mode !== 'default') {
      lost(`a container of Swarm cannot share another one's network (\`${mode}\`)`)(service, key, node);
    }
  },
  extra_hosts: (service, key, node) => {
    const hosts = plain(node);
    const pairs = Array.isArray(hosts)
      ? hosts.map(String)
      : Object.entries(hosts as Json).map(([host, address]) => `${host}=${address}`);
    const possible = pairs.filter((pair) => !pair.endsWith('host-gateway'));
    if (possible.length < pairs.length) lost('Swarm does not know `host-gateway`')(service, key, node);
    if (possible.length > 0) service.out.extra_hosts = possible.map((pair) => pair.replace(/[=:]/, ':'));
  },
  depends_on: changed(
    'Swarm starts all services at once: each has to try again until what it needs is there',
  ),
  security_opt: lost('Swarm ignores it (`no-new-privileges` too): set it for every container in daemon.json'),
  container_name: lost('Swarm names its containers itself'),
  expose: changed('every service of a network reaches every port of the others: it has no effect'),
  profiles: changed('Swarm knows no profiles: the service always runs'),
  pull_policy: lost('a node pulls what it does not have'),
  privileged: lost('Swarm starts no privileged containers; see cap_add'),
  devices: lost('Swarm gives no devices of a node to a container'),
  gpus: lost('Swarm takes GPUs as generic resources: deploy.resources.reservations.generic_resources'),
  ipc: lost('Swarm ignores it'),
  pid: lost('Swarm ignores it'),
  cgroup: lost('Swarm refuses it'),
  cgroup_parent: lost('Swarm ignores it'),
  userns_mode: lost('Swarm ignores it'),
  domainname: lost('Swarm ignores it'),
  mac_address: lost('Swarm ignores it'),
  links: lost('Swarm ignores it: a service is reached by its name, and by aliases under `networks`'),
  external_links: lost('Swarm ignores it: use a network that both are in'),
  volumes_from: lost('Swarm refuses it: name the volumes in both services'),
  platform: lost('a node takes what fits it: pin the service with deploy.placement.constraints'),
  runtime: lost('Swarm uses the default runtime of the node'),
  develop: lost('it is for `compose watch` alone'),
  post_start: lost('Swarm runs no hooks'),
  pre_stop: lost('Swarm runs no hooks'),
  group_add: lost('Swarm refuses it: name the group in `user`'),
};

/** Returns a service of a stack file. Settings that Swarm does not support are added to the losses. */
export function exportService(source: ExportSource, name: string, parts: StackParts): Json {
  const tree = serviceTree(source, name);
  const service: WrittenService = { ...parts, source, name, out: {}, deploy: {} };
  const composed = source.project.services[name];
  if (!composed) return {};
  service.out.image = imageName(source.project, composed);
  for (const [key, node] of keysOf(tree)) {
    const rule = RULES[key] ?? lost('`docker stack deploy` does not know it');
    rule(service, key, node);
  }
  service.out = withoutSecrets(source, parts.losses, service.out, `services.${name}`, tree);
  const environment = writtenEnvironment(service, tree);
  if (Object.keys(environment).length > 0) service.out.environment = environment;
  const ports = writtenPorts(service, tree);
  if (ports.length > 0) service.out.ports = ports;
  const mounts = writtenMounts(service, tree);
  if (mounts.length > 0) service.out.volumes = mounts;
  resources(service, tree);
  endpoint(service, tree);
  nodeName(service, tree);
  restartPolicy(service, tree, oneShots(source).has(name));
  updates(service, tree);
  placement(service, tree);
  const deploy = withoutSecrets(source, parts.losses, service.deploy, `services.${name}.deploy`, tree);
  return { ...service.out, deploy };
}

/** A task of each node tells of its node: by its name, what it measures or prints can be told from the others'. */
function nodeName({ out, deploy }: WrittenService, tree: TreeMap): void {
  if (deploy.mode === 'global' && !tree.entries.has('network_mode')) out.hostname ??= '{{.Node.Hostname}}';
}

/** Returns the secrets or configs of a service: Swarm accepts targets below /run/secrets by their name. */
function grants(node: TreeNode): unknown[] {
  const items = node.kind === 'list' ? node.items : [];
  return items.map((item) => {
    const grant = plain(item) as Json;
    const target =
      typeof grant.target === 'string' ? grant.target.replace(/^\/run\/secrets\//, '') : undefined;
    const mode = typeof grant.mode === 'string' ? Number.parseInt(grant.mode, 8) : grant.mode;
    return {
      source: grant.source,
      ...(target === undefined ? {} : { target }),
      ...(grant.uid === undefined ? {} : { uid: String(grant.uid) }),
      ...(grant.gid === undefined ? {} : { gid: String(grant.gid) }),
      ...(mode === undefined ? {} : { mode }),
    };
  });
}

function networksOf({ losses, name }: WrittenService, node: TreeNode): Json {
  return Object.fromEntries(
    keysOf(node).map(([network, settings]) => {
      const written: Json = {};
      for (const [key, value] of keysOf(settings)) {
        if (key === 'aliases') written.aliases = plain(value);
        else losses.lost(`services.${name}.networks.${network}.${key}`, value, 'Swarm chooses it itself');
      }
      return [network, Object.keys(written).length > 0 ? written : null];
    }),
  );
}
