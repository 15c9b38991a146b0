import { mapAt, plain, type TreeMap, textAt } from '../../project/tree.js';
import { type ExportSource, keysOf, type Loss, Losses, type SecretVariable } from '../source.js';
import { yamlDocument } from '../yaml-text.js';
import { CarriedConfigs, type ConfigFile, exportedConfigs, WrittenConfigs } from './configs.js';
import { Asked, type Json, networkName } from './json.js';
import { nameInSwarm } from './names.js';
import { type ExportedSecret, exportedSecrets } from './secrets.js';
import { exportService } from './service.js';

/** A file for `docker stack deploy`. */
export interface StackFile {
  /** YAML. */
  text: string;
  services: string[];
  /** Each service as it is in the text, without {@link StackOptions.labels}. */
  definitions: Record<string, Json>;
  /** Secrets that must exist before the stack is deployed. */
  secrets: ExportedSecret[];
  /** Variables with secret values that `docker stack deploy` reads from the shell. */
  variables: SecretVariable[];
  /** Files beside the stack file. */
  files: ConfigFile[];
  /**
   * Node labels that bind the services with data to a node, in the form of `docker node update --label-add`.
   */
  nodeLabels: string[];
  losses: Loss[];
}

export interface StackOptions {
  /** Folder for inline configs, and for files that mean something else in a Swarm, relative to the stack file. */
  configsFolder: string;
  /**
   * Returns more labels of a service, from its definition. They are set only on the service, so they do not
   * replace tasks.
   */
  labels?: (definition: Json) => Record<string, string>;
}

/**
 * Writes a Compose project for Swarm's `docker stack deploy`. Every key that Swarm refuses, ignores or reads
 * differently is among the losses. It contains no value of a secret. Source: docker/cli, `cli/compose/schema`
 * (what it refuses) and `cli/compose/types` (what it ignores).
 */
export function swarmStackFile(
  source: ExportSource,
  { configsFolder, labels = () => ({}) }: StackOptions,
): StackFile {
  const { project, loaded } = source;
  const losses = new Losses();
  const variables: SecretVariable[] = [];
  const nodeLabels = new Set<string>();
  const services: Record<string, Json> = {};
  const predefined = new Set<string>();
  const beside = new WrittenConfigs(source, losses, configsFolder);
  const carried = new CarriedConfigs(project.name, beside);
  for (const name of Object.keys(project.services)) {
    const parts = { losses, variables, nodeLabels, predefined, configs: carried };
    services[name] = exportService(source, name, parts);
    const taken = nameInSwarm(project.name, name);
    const tree = mapAt(loaded.tree, 'services', name);
    if (taken !== undefined && tree) {
      const message = `Swarm takes letters, digits, - and _ alone in a name, and 63 characters with the stack's: it refuses the stack. Call the service ${taken}, with the alias ${name} under its networks`;
      losses.lost(`services.${name}`, tree, message);
    }
  }
  const secrets = exportedSecrets(source, losses);
  const configs = exportedConfigs(source, losses, beside);
  const labelled = Object.entries(services).map(([name, definition]) => [
    name,
    withLabels(definition, labels(definition)),
  ]);
  const root: Json = {
    services: Object.fromEntries(labelled),
    networks: networksOf(source, losses, predefined),
    volumes: volumesOf(source, losses),
    secrets: Object.fromEntries(secrets.map(({ key, written }) => [key, written])),
    configs: { ...configs, ...carried.written },
  };
  for (const [key, node] of keysOf(loaded.tree)) {
    if (!TOP_LEVEL.has(key)) losses.lost(key, node, `Swarm knows no \`${key}\``);
  }
  return {
    text: written(root, project.name, secrets),
    services: Object.keys(services),
    definitions: services,
    secrets,
    variables,
    files: beside.files,
    nodeLabels: [...nodeLabels],
    losses: losses.all,
  };
}

function withLabels(definition: Json, more: Record<string, string>): Json {
  if (Object.keys(more).length === 0) return definition;
  const deploy = definition.deploy as Json;
  const { labels = {} } = deploy;
  const own = Array.isArray(labels)
    ? Object.fromEntries(labels.map((label) => String(label).split(/=(.*)/s).slice(0, 2)))
    : (labels as Json);
  return { ...definition, deploy: { ...deploy, labels: { ...own, ...more } } };
}

/** `name` is the last argument of `docker stack deploy`; `version` has no effect in either. */
const TOP_LEVEL = new Set([
  'name',
  'version',
  'services',
  'networks',
  'volumes',
  'secrets',
  'configs',
  'include',
]);

function networksOf(
  { loaded, project }: ExportSource,
  losses: Losses,
  predefined: ReadonlySet<string>,
): Json {
  const networks: Json = {};
  for (const key of Object.keys(project.networks)) {
    const tree = mapAt(loaded.tree, 'networks', key) as TreeMap;
    networks[key] = networkOf(key, tree, project.name, losses);
  }
  for (const name of predefined) networks[networkName(name)] = { external: true, name };
  return networks;
}

function networkOf(key: string, tree: TreeMap, project: string, losses: Losses): Json {
  const network = plain(tree) as Json;
  if (network.external === true) return { external: true, name: network.name };
  const written: Json = { driver: 'overlay' };
  for (const [name, node] of keysOf(tree)) {
    const path = `networks.${key}.${name}`;
    if (name === 'driver') {
      if (network.driver !== 'overlay') {
        losses.changed(path, node, `Swarm spans its nodes with \`overlay\`, not with \`${network.driver}\``);
      }
    } else if (name === 'name') {
      if (network.name !== `${project}_${key}`) written.name = network.name;
    } else if (['internal', 'attachable', 'labels', 'ipam'].includes(name)) {
      written[name] = network[name];
    } else {
      losses.lost(path, node, `Swarm's overlay networks know no \`${name}\``);
    }
  }
  return written;
}

function volumesOf({ loaded, project }: ExportSource, losses: Losses): Json {
  return Object.fromEntries(
    Object.keys(project.volumes).map((key) => {
      const tree = mapAt(loaded.tree, 'volumes', key) as TreeMap;
      const volume = plain(tree) as Json;
      if (volume.external === true) return [key, { external: true, name: volume.name }];
      const written: Json = {};
      for (const [name, node] of keysOf(tree)) {
        if (name === 'name' && textAt(tree, 'name') === `${project.name}_${key}`) continue;
        if (['name', 'driver', 'driver_opts', 'labels'].includes(name)) written[name] = volume[name];
        else losses.lost(`volumes.${key}.${name}`, node, `Swarm's volumes know no \`${name}\``);
      }
      return [key, written];
    }),
  );
}

function written(root: Json, project: string, secrets: readonly ExportedSecret[]): string {
  const filled = Object.entries(root).filter(([, value]) => Object.keys(value as object).length > 0);
  const comment = [
    ' Written by `invctl export swarm`; what is changed here is lost when it is written again.',
    ` docker stack deploy --compose-file FILE ${project}`,
    ...(secrets.some(({ version }) => version)
      ? [
          ' Secrets never change in Swarm: a new value is a new version, and these variables say which one holds.',
        ]
      : []),
  ].join('\n');
  return yamlDocument(withDollars(Object.fromEntries(filled)), comment);
}

/** `docker stack deploy` replaces `${NAME}`, so a literal dollar sign is doubled. */
function withDollars(value: unknown): unknown {
  if (value instanceof Asked) return value.template;
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(withDollars);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withDollars(one)]));
}
