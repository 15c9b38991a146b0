import { imageName } from '../../project/model.js';
import { mapAt, type TreeMap } from '../../project/tree.js';
import {
  type ExportSource,
  keysOf,
  type Loss,
  Losses,
  type SecretVariable,
  withoutSecrets,
} from '../source.js';
import { yamlDocument } from '../yaml-text.js';
import { cloudNativePg, externalDatabase } from './database.js';
import { ingress, networkLosses, networkPolicies, portsOf } from './network.js';
import { type K8sObject, metadata, objectName } from './objects.js';
import type { DatabaseForm, ExportParts } from './part.js';
import { claims, secretKey } from './storage.js';
import { exportWorkload } from './workload.js';

export interface K8sOptions {
  database: DatabaseForm;
  /** Host name of the app. */
  ingress?: string;
  /** Service that the host leads to. */
  app?: string;
  /** Default: derived from the project's name. */
  namespace?: string;
}

/** A Secret that must exist before the pods start. Its values are not part of the export. */
export interface NeededSecret {
  /** Name of the object. */
  name: string;
  /** Its keys: from a file of this machine, from a variable, or from a service's environment. */
  keys: { key: string; file?: string; variable?: string; service?: string }[];
}

export interface Manifests {
  namespace: string;
  /** By path relative to the output folder. */
  base: Map<string, string>;
  /** Written once; afterwards the user edits it. */
  overlay: Map<string, string>;
  objects: { kind: string; name: string }[];
  secrets: NeededSecret[];
  losses: Loss[];
}

/**
 * Writes a Compose project as a Kustomize base with one overlay. Every key without a counterpart is among the
 * losses. It contains no value of a secret.
 */
export function kubernetesManifests(source: ExportSource, options: K8sOptions): Manifests {
  const parts: ExportParts = { source, losses: new Losses(), variables: [], objects: [] };
  const files = new Map<string, K8sObject[]>();
  const namespace = options.namespace ?? objectName(source.project.name);
  files.set('namespace.yaml', [
    { apiVersion: 'v1', kind: 'Namespace', metadata: metadata(namespace, source.project.name) },
  ]);
  const templated = new Set<string>();
  const external = source.database !== undefined && options.database !== 'statefulset';
  for (const name of Object.keys(source.project.services)) {
    const own: ExportParts = { ...parts, objects: [] };
    if (name === source.database && options.database === 'cnpg') cloudNativePg(own, name, namespace);
    else if (name === source.database && options.database === 'external') externalDatabase(own, name);
    else for (const volume of exportWorkload(own, name)) templated.add(volume);
    if (name === options.app && options.ingress !== undefined) toHost(own, name, options.ingress);
    const tree = mapAt(source.loaded.tree, 'services', name) as TreeMap;
    const objects = withoutSecrets(source, parts.losses, own.objects, `services.${name}`, tree);
    files.set(`${objectName(name)}.yaml`, objects);
  }
  if (external) for (const volume of volumesOf(source)) templated.add(volume);
  const storage: ExportParts = { ...parts, objects: [] };
  claims(storage, templated);
  if (storage.objects.length > 0) files.set('volumes.yaml', storage.objects);
  const network: ExportParts = { ...parts, objects: [] };
  networkPolicies(network, options.ingress === undefined ? undefined : options.app);
  networkLosses(network);
  if (network.objects.length > 0) files.set('networks.yaml', network.objects);
  topLevelLosses(parts);
  return {
    namespace,
    ...written(source, namespace, files, options),
    objects: [...files.values()].flat().map(({ kind, metadata: { name } }) => ({ kind, name })),
    secrets: neededSecrets(source, parts.variables),
    losses: parts.losses.all,
  };
}

function toHost(parts: ExportParts, name: string, host: string): void {
  const service = parts.source.project.services[name];
  const tree = mapAt(parts.source.loaded.tree, 'services', name);
  const [first] = service && tree ? portsOf(service, tree) : [];
  if (service && first) ingress(parts, service, first.port, host);
}

/** Returns the volumes of the database alone, which are not needed if the database is elsewhere. */
function volumesOf({ project, database }: ExportSource): string[] {
  const used = (name: string) =>
    project.services[name]?.mounts.flatMap(({ type, source }) => (type === 'volume' ? (source ?? []) : [])) ??
    [];
  const others = new Set(
    Object.keys(project.services)
      .filter((name) => name !== database)
      .flatMap(used),
  );
  return used(database ?? '').filter((volume) => !others.has(volume));
}

const TOP_LEVEL = ['name', 'version', 'services', 'networks', 'volumes', 'secrets', 'configs', 'include'];

function topLevelLosses({ source, losses }: ExportParts): void {
  for (const [key, node] of keysOf(source.loaded.tree)) {
    if (!TOP_LEVEL.includes(key)) losses.lost(key, node, 'Kubernetes has no counterpart');
  }
  for (const [key, { external }] of Object.entries(source.project.secrets)) {
    const tree = mapAt(source.loaded.tree, 'secrets', key) as TreeMap;
    if (external) losses.changed(`secrets.${key}`, tree, `the Secret ${objectName(key)} has to be there`);
  }
}

function neededSecrets({ project }: ExportSource, variables: readonly SecretVariable[]): NeededSecret[] {
  const needed = new Map<string, NeededSecret>();
  const add = (name: string, key: NeededSecret['keys'][number]) => {
    const secret = needed.get(name) ?? { name, keys: [] };
    secret.keys.push(key);
    needed.set(name, secret);
  };
  for (const [key, { file, environment }] of Object.entries(project.secrets)) {
    add(objectName(key), {
      key: secretKey(key),
      ...(file === undefined ? {} : { file }),
      ...(environment === undefined ? {} : { variable: environment }),
    });
  }
  for (const { service, name, asked } of variables) add(asked, { key: name, service });
  return [...needed.values()];
}

const HEADER =
  ' Written by `invctl export k8s`; what is changed here is lost when it is written again. Change the overlay.';

function written(
  source: ExportSource,
  namespace: string,
  files: ReadonlyMap<string, readonly K8sObject[]>,
  { database }: K8sOptions,
): Pick<Manifests, 'base' | 'overlay'> {
  const filled = [...files].filter(([, objects]) => objects.length > 0);
  const base = new Map(filled.map(([file, objects]) => [`base/${file}`, yaml(objects)]));
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace,
    resources: filled.map(([file]) => file),
  };
  base.set('base/kustomization.yaml', yaml([kustomization]));
  return {
    base,
    overlay: new Map([['overlays/production/kustomization.yaml', overlayOf(source, database)]]),
  };
}

function overlayOf({ project, database }: ExportSource, form: DatabaseForm): string {
  const built = Object.values(project.services).filter(({ build }) => build);
  const images = built.map((service) => {
    const name = imageName(project, service).replace(/:[^:/]*$/, '');
    return `  - name: ${name}\n    newName: registry.example.com/${name.split('/').at(-1)}\n    newTag: "1"`;
  });
  const host = `patches:
  - target: {kind: Service, name: ${objectName(database ?? '')}}
    patch: |-
      - {op: replace, path: /spec/externalName, value: database.example.com}
`;
  return `# Yours: \`invctl export k8s\` writes it once.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
${images.length > 0 ? `# Where every node pulls the images that are built here.\nimages:\n${images.join('\n')}\n` : ''}${
  database !== undefined && form === 'external' ? host : ''
}`;
}

function yaml(objects: readonly object[]): string {
  return objects.map((object, index) => yamlDocument(object, index === 0 ? HEADER : undefined)).join('---\n');
}
