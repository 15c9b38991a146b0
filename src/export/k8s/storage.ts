import { readFileSync, statSync } from 'node:fs';
import { basename, posix, relative } from 'node:path';
import { itemsAt } from '../../project/canonical.js';
import { mapAt, plain, type TreeNode, textAt } from '../../project/tree.js';
import { bytesHoldSecret, carriedFiles, plainName } from '../carried-files.js';
import { bytesOf } from '../size.js';
import { digest, given, type Json, metadata, objectName } from './objects.js';
import type { ExportParts, WrittenPod } from './part.js';
import { memoryQuantity } from './quantities.js';
import { texts } from './security.js';

/** Size of a volume whose file does not set it (`x-size`). */
const DEFAULT_SIZE = '10Gi';
/**
 * `kubectl apply` keeps a copy of an object in an annotation, and all annotations together may have 262,144
 * bytes.
 */
const LARGEST_MAP = { holder: 'a ConfigMap', bytes: 200_000, files: Number.POSITIVE_INFINITY };

/** Returns the name of the claim for a volume that services share. */
export function claimName(volume: string): string {
  return objectName(volume);
}

/** Writes a claim for each named volume, except those for which a StatefulSet makes its own. */
export function claims({ source, losses, objects }: ExportParts, templated: ReadonlySet<string>): void {
  const { project, loaded } = source;
  for (const key of Object.keys(project.volumes)) {
    if (templated.has(key)) continue;
    const tree = mapAt(loaded.tree, 'volumes', key);
    if (
      tree &&
      (project.volumes[key]?.external || tree.entries.has('driver') || tree.entries.has('driver_opts'))
    ) {
      losses.changed(`volumes.${key}`, tree, `it becomes an empty claim called ${claimName(key)}`);
    }
    objects.push({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: metadata(claimName(key), project.name),
      spec: claimSpec(sizeOf(source, key)),
    });
  }
}

export function claimSpec(size: string): Json {
  return { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: size } } };
}

/** Returns `x-size` of a volume, a key that Compose ignores. */
export function sizeOf({ loaded }: ExportParts['source'], volume: string): string {
  const node = mapAt(loaded.tree, 'volumes', volume)?.entries.get('x-size');
  return node === undefined ? DEFAULT_SIZE : String(plain(node));
}

/** Writes volumes, bind mounts and memory file systems of a service. Returns the named volumes among them. */
export function mountAll(pod: WrittenPod): string[] {
  const { service, tree, losses } = pod;
  const named: string[] = [];
  for (const [index, item] of itemsAt(tree, 'volumes').entries()) {
    const key = `services.${service.name}.volumes[${index}]`;
    const target = textAt(item, 'target') ?? '';
    const source = textAt(item, 'source');
    const type = textAt(item, 'type');
    if (type === 'volume' && source !== undefined) {
      named.push(source);
      const subPath = mapAt(item, 'volume')?.entries.get('subpath');
      mount(
        pod,
        claimName(source),
        target,
        given({
          readOnly: isReadOnly(item) || undefined,
          subPath: subPath === undefined ? undefined : String(plain(subPath)),
        }),
      );
    } else if (type === 'volume') {
      losses.changed(key, item, 'a volume without a name is empty again in each new pod');
      empty(pod, target, undefined, false);
    } else if (type === 'tmpfs') {
      const size = mapAt(item, 'tmpfs')?.entries.get('size');
      empty(pod, target, size && bytesOf(plain(size)), true);
    } else if (type === 'bind' && source !== undefined) bind(pod, key, item, source, target);
    else losses.lost(key, item, `Kubernetes has no mount of the kind \`${type}\``);
  }
  for (const text of texts(tree, 'tmpfs')) {
    const [target = '', options = ''] = text.split(/:(.*)/s);
    const size = /(?:^|,)size=([^,]+)/.exec(options)?.[1];
    empty(pod, target, size === undefined ? undefined : bytesOf(size), true);
  }
  const shared = tree.entries.get('shm_size');
  if (shared) empty(pod, '/dev/shm', bytesOf(plain(shared)), true);
  return named;
}

function isReadOnly(mount: TreeNode): boolean {
  const node = mount.kind === 'map' ? mount.entries.get('read_only') : undefined;
  return node !== undefined && plain(node) === true;
}

function mount(pod: WrittenPod, name: string, mountPath: string, more: Json = {}): void {
  addMount(pod, { name, mountPath, ...more });
  if (!pod.volumes.some((volume) => volume.name === name)) {
    pod.volumes.push({ name, persistentVolumeClaim: { claimName: name } });
  }
}

/** Adds a mount. A path is mounted once: the last mount of a path wins, as with Compose. */
function addMount({ volumeMounts }: WrittenPod, mounted: Json): void {
  const index = volumeMounts.findIndex(({ mountPath }) => mountPath === mounted.mountPath);
  if (index < 0) volumeMounts.push(mounted);
  else volumeMounts[index] = mounted;
}

/** Mounts a folder that is empty in each new pod. */
export function empty(pod: WrittenPod, target: string, bytes: number | undefined, memory: boolean): void {
  if (pod.volumeMounts.some(({ mountPath }) => mountPath === target)) return;
  const name = objectName(`empty${target.replaceAll('/', '-')}`);
  const emptyDir = given({
    medium: memory ? 'Memory' : undefined,
    sizeLimit: bytes === undefined ? undefined : memoryQuantity(bytes),
  });
  pod.volumes.push({ name, emptyDir });
  pod.volumeMounts.push({ name, mountPath: target });
}

/**
 * Writes small read-only files of the project as a ConfigMap; other files of this machine cannot be exported.
 */
function bind(pod: WrittenPod, key: string, item: TreeNode, source: string, target: string): void {
  const files = carriedFiles(pod.source, source, isReadOnly(item), LARGEST_MAP);
  if (typeof files === 'string') {
    const shown = relative(pod.source.project.directory, source);
    pod.losses.lost(
      key,
      item,
      `${shown.startsWith('..') ? source : shown || '.'} does not come along: ${files}`,
    );
    return;
  }
  const contents = files.map(({ name, content }) => [name, content] as const);
  const name = configMap(pod, basename(source), contents);
  pod.volumes.push({ name, configMap: { name } });
  const only = statSync(source).isDirectory() ? undefined : contents[0];
  addMount(pod, {
    name,
    mountPath: target,
    readOnly: true,
    ...(only ? { subPath: plainName(only[0]) } : {}),
  });
}

/** Writes a ConfigMap with files; its name depends on their content. */
function configMap(
  { source, objects, service, name: owner }: WrittenPod,
  title: string,
  contents: readonly (readonly [string, Buffer])[],
): string {
  const data: Json = {};
  const binaryData: Json = {};
  for (const [file, bytes] of contents) {
    const text = bytes.toString('utf8');
    if (Buffer.from(text, 'utf8').equals(bytes)) data[plainName(file)] = text;
    else binaryData[plainName(file)] = bytes.toString('base64');
  }
  const name = objectName(`${owner}-${title}-${digest(JSON.stringify([data, binaryData]))}`);
  if (!objects.some((one) => one.metadata.name === name)) {
    objects.push({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata(name, source.project.name, service.name),
      immutable: true,
      ...(Object.keys(data).length > 0 ? { data } : {}),
      ...(Object.keys(binaryData).length > 0 ? { binaryData } : {}),
    });
  }
  return name;
}

/** Mounts secrets and configs at exactly the paths that Compose uses. */
export function mountGrants(pod: WrittenPod): void {
  const { service, tree, source, losses } = pod;
  for (const { source: secret, target } of service.secrets) {
    const name = objectName(secret);
    const volume = objectName(`secret-${secret}`);
    if (!pod.volumes.some((one) => one.name === volume)) {
      pod.volumes.push({ name: volume, secret: { secretName: name, defaultMode: 0o444 } });
    }
    addMount(pod, { name: volume, mountPath: target, subPath: secretKey(secret), readOnly: true });
  }
  for (const item of itemsAt(tree, 'configs')) {
    const grant = plain(item) as Json;
    const key = String(grant.source);
    const config = mapAt(source.loaded.tree, 'configs', key);
    const content = config && contentOf(source, plain(config) as Json);
    if (content === undefined) {
      losses.lost(
        `services.${service.name}.configs`,
        item,
        `the content of the config ${key} is not known here`,
      );
      continue;
    }
    const contents = [[plainName(key), content]] as const;
    if (bytesHoldSecret(source, content)) {
      losses.lost(
        `services.${service.name}.configs`,
        item,
        `the config ${key} does not come along: a secret is in it. Make it a secret of the compose file`,
      );
      continue;
    }
    const name = configMap(pod, key, contents);
    if (!pod.volumes.some((one) => one.name === name)) pod.volumes.push({ name, configMap: { name } });
    const mountPath = posix.resolve('/', String(grant.target ?? key));
    addMount(pod, { name, mountPath, subPath: plainName(key), readOnly: true });
  }
}

/** Returns the key of a compose file's secret in its Secret object. */
export function secretKey(secret: string): string {
  return plainName(secret);
}

function contentOf({ loaded }: ExportParts['source'], config: Json): Buffer | undefined {
  if (typeof config.content === 'string') return Buffer.from(config.content);
  if (typeof config.environment === 'string') {
    const value = loaded.environment.lookup(config.environment);
    return value === undefined ? undefined : Buffer.from(value);
  }
  const file = typeof config.file === 'string' ? statSync(config.file, { throwIfNoEntry: false }) : undefined;
  return file?.isFile() ? readFileSync(String(config.file)) : undefined;
}
