import { randomBytes } from 'node:crypto';
import type { Cluster } from '../../engine/kubernetes/cluster.js';
import type { KubeObject } from '../../engine/kubernetes/objects.js';
import { ExitCode, UserError } from '../../errors.js';
import type { NeededSecret } from '../../export/k8s/manifests.js';
import { objectName } from '../../export/k8s/objects.js';
import type { ExportSource } from '../../export/source.js';
import { fingerprint, hasFingerprint } from './fingerprint.js';
import { podSpec } from './k8s-objects.js';
import { secretContent } from './secret-values.js';

const BASE = 'invctl.dev/secret';
const FINGERPRINT = 'invctl.dev/fingerprint';

/** A Secret of the project as it is deployed. It is immutable: a new content becomes a new Secret. */
export interface VersionedKubeSecret {
  /** Name in the export. */
  base: string;
  /** Name in the cluster. */
  name: string;
  version: number;
  keys: string[];
  /** `external`: somebody else maintains it, under its own name. */
  state: 'kept' | 'new' | 'changed' | 'external';
  content: Record<string, Buffer>;
}

/**
 * Chooses the version of each Secret that has the current content. A pod keeps the version that it started
 * with, so that a rollback finds it. A Secret of that name that invctl did not make stays what it is: the next number is taken.
 *
 * @throws UserError of {@link secretContent}, SECRET_EXTERNAL_MISSING
 */
export async function planKubeSecrets(
  cluster: Cluster,
  source: ExportSource,
  needed: readonly NeededSecret[],
  namespaceIsThere: boolean,
): Promise<VersionedKubeSecret[]> {
  const there = namespaceIsThere ? await cluster.list('secret', BASE) : [];
  const planned: VersionedKubeSecret[] = [];
  for (const { name: base, keys } of needed) {
    const names = keys.map(({ key }) => key);
    const external = Object.entries(source.project.secrets).find(
      ([key, one]) => one.external && objectName(key) === base,
    );
    if (external) {
      if (namespaceIsThere) await assertThere(cluster, base, names);
      planned.push({ base, name: base, version: 0, keys: names, state: 'external', content: {} });
      continue;
    }
    const content: Record<string, Buffer> = {};
    for (const key of keys) content[key.key] = await keyContent(source, base, key);
    const version = versionOf(there, base, content);
    const isFree = version.state === 'kept' || !namespaceIsThere;
    planned.push(isFree ? version : await withFreeName(cluster, version));
  }
  return planned;
}

async function withFreeName(cluster: Cluster, secret: VersionedKubeSecret): Promise<VersionedKubeSecret> {
  let { name, version } = secret;
  while (await cluster.get('secret', name)) {
    version += 1;
    name = `${secret.base}-v${version}`;
  }
  return { ...secret, name, version };
}

async function keyContent(
  source: ExportSource,
  base: string,
  { key, service }: NeededSecret['keys'][number],
): Promise<Buffer> {
  const composed = service === undefined ? undefined : source.project.services[service];
  if (!composed) {
    const named = Object.keys(source.project.secrets).find((one) => objectName(one) === base);
    return secretContent(source, named ?? key);
  }
  const login = await cnpgLogin(source, base, key, composed.name);
  return login ?? Buffer.from(composed.environment[key] ?? '');
}

/** CloudNativePG reads the database's login from a Secret with its own keys. */
async function cnpgLogin(
  source: ExportSource,
  base: string,
  key: string,
  service: string,
): Promise<Buffer | undefined> {
  if (base !== `${objectName(service)}-login`) return undefined;
  const environment = source.project.services[service]?.environment ?? {};
  if (key === 'username') return Buffer.from(environment.POSTGRES_USER || 'postgres');
  if (environment.POSTGRES_PASSWORD) return Buffer.from(environment.POSTGRES_PASSWORD);
  const secret = source.project.services[service]?.secrets.find(
    ({ target }) => target === environment.POSTGRES_PASSWORD_FILE,
  );
  const content = await secretContent(source, secret?.source ?? '');
  return Buffer.from(content.toString('utf8').replace(/[\r\n]+$/, ''));
}

function versionOf(
  there: readonly KubeObject[],
  base: string,
  content: Record<string, Buffer>,
): VersionedKubeSecret {
  const versions = versionsOf(there, base);
  const whole = joined(content);
  const same = versions.find(({ secret }) =>
    hasFingerprint(whole, secret.metadata.annotations?.[FINGERPRINT]),
  );
  const common = { base, keys: Object.keys(content), content };
  if (same) return { ...common, name: same.secret.metadata.name, version: same.version, state: 'kept' };
  const version = (versions[0]?.version ?? 0) + 1;
  return {
    ...common,
    name: `${base}-v${version}`,
    version,
    state: versions.length === 0 ? 'new' : 'changed',
  };
}

/** Newest first. */
function versionsOf(there: readonly KubeObject[], base: string): { version: number; secret: KubeObject }[] {
  return there
    .filter(({ metadata }) => metadata.labels?.[BASE] === base)
    .flatMap((secret) => {
      const version = secret.metadata.name.slice(base.length + 2);
      return /^[1-9]\d*$/.test(version) ? [{ version: Number(version), secret }] : [];
    })
    .sort((a, b) => b.version - a.version);
}

/** Whether a deployment made the Secret, out of files. */
export function madeByInvctl({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[FINGERPRINT] !== undefined;
}

function joined(content: Record<string, Buffer>): Buffer {
  return Buffer.concat(
    Object.entries(content)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([key, value]) => [Buffer.from(`${key}\0${value.length}\0`), value]),
  );
}

async function assertThere(cluster: Cluster, name: string, keys: readonly string[]): Promise<void> {
  const found = await cluster.get('secret', name);
  const data = (found?.data ?? {}) as Record<string, string>;
  const missing = keys.filter((key) => !(key in data));
  if (found && missing.length === 0) return;
  throw new UserError({
    code: 'SECRET_EXTERNAL_MISSING',
    message: found
      ? `the Secret ${name} of the cluster has no key ${missing.join(', ')}`
      : `the secret ${name} is external, and the namespace ${cluster.target.namespace} has none of that name`,
    hint: `kubectl --namespace ${cluster.target.namespace} create secret generic ${name} ${keys.map((key) => `--from-file=${key}=FILE`).join(' ')}`,
    exitCode: ExitCode.projectInvalid,
  });
}

/** The Secrets to create. They are passed to kubectl on standard input. */
export function secretObjects(
  secrets: readonly VersionedKubeSecret[],
  namespace: string,
  labels: Readonly<Record<string, string>>,
): KubeObject[] {
  return secrets
    .filter(({ state }) => state === 'new' || state === 'changed')
    .map(({ base, name, content }) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name,
        namespace,
        labels: { ...labels, [BASE]: base },
        annotations: { [FINGERPRINT]: fingerprint(joined(content)) },
      },
      type: 'Opaque',
      immutable: true,
      data: Object.fromEntries(
        Object.entries(content).map(([key, value]) => [key, value.toString('base64')]),
      ),
    }));
}

/** The objects with the versioned names in place of the names in the export. */
export function withVersions(
  objects: readonly KubeObject[],
  secrets: readonly VersionedKubeSecret[],
): KubeObject[] {
  const names = new Map(secrets.map(({ base, name }) => [base, name]));
  return objects.map((object) => withSecretNames(object, names));
}

/** An object with other names of Secrets. @param names by the present ones; a name that is not there stays. */
export function withSecretNames(object: KubeObject, names: ReadonlyMap<string, string>): KubeObject {
  const changed = structuredClone(object);
  for (const { holder, field } of secretReferences(changed)) {
    const name = holder[field] as string;
    holder[field] = names.get(name) ?? name;
  }
  return changed;
}

/** The names of the Secrets that an object refers to. */
export function secretNames(object: KubeObject): string[] {
  return secretReferences(object).map(({ holder, field }) => holder[field] as string);
}

/** Each place of an object that has the name of a Secret. */
function secretReferences(object: KubeObject): { holder: Record<string, unknown>; field: string }[] {
  const pod = podSpec(object);
  const containers = [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])];
  const { superuserSecret, bootstrap } = object.spec ?? {};
  const places = [
    ...(pod?.volumes ?? []).map(({ secret }) => ({ holder: secret, field: 'secretName' })),
    ...containers.flatMap(({ envFrom = [] }) =>
      envFrom.map(({ secretRef }) => ({ holder: secretRef, field: 'name' })),
    ),
    ...(object.kind === 'Cluster'
      ? [superuserSecret, bootstrap?.initdb?.secret].map((holder) => ({ holder, field: 'name' }))
      : []),
  ];
  return places.flatMap(({ holder, field }) => {
    const named = holder as Record<string, unknown> | undefined;
    return named?.[field] === undefined ? [] : [{ holder: named, field }];
  });
}

/** What each Secret of a deployment is called in the export, by its name in the cluster. */
export async function secretBases(cluster: Cluster): Promise<Map<string, string>> {
  const there = await cluster.list('secret', BASE);
  return new Map(there.map(({ metadata }) => [metadata.name, metadata.labels?.[BASE] ?? '']));
}

/** The version that a content which no version has would become. */
export async function nextKubeSecret(
  cluster: Cluster,
  { base, keys }: Pick<VersionedKubeSecret, 'base' | 'keys'>,
): Promise<VersionedKubeSecret> {
  const there = await cluster.list('secret', BASE);
  const content = Object.fromEntries(keys.map((key) => [key, randomBytes(16)]));
  return withFreeName(cluster, versionOf(there, base, content));
}

/** Removes all versions older than the previous one, which a rollback needs. */
export async function removeOldKubeSecrets(
  cluster: Cluster,
  secrets: readonly Pick<VersionedKubeSecret, 'base' | 'version'>[],
): Promise<void> {
  const there = await cluster.list('secret', BASE);
  const old = secrets.flatMap(({ base, version }) =>
    versionsOf(there, base)
      .filter((one) => one.version < version)
      .slice(1),
  );
  await cluster.remove(old.map(({ secret }) => `Secret/${secret.metadata.name}`));
}

/**
 * Removes all versions that deployments made, except the given ones, those that a workload names, and of each the
 * newest that is older: a rollback needs it.
 */
export async function removeUnusedKubeSecrets(
  cluster: Cluster,
  secrets: readonly Pick<VersionedKubeSecret, 'base' | 'name' | 'version'>[],
): Promise<void> {
  const [there, ...workloads] = await Promise.all([
    cluster.list('secret', BASE),
    ...['deployment', 'statefulset', 'daemonset', 'job'].map((kind) => cluster.list(kind)),
  ]);
  const named = new Set(workloads.flat().flatMap(secretNames));
  const unused = secrets.flatMap(({ base, name, version }) => {
    const others = versionsOf(there ?? [], base).filter((one) => one.secret.metadata.name !== name);
    const previous = others.find((one) => one.version < version);
    return others.filter((one) => one !== previous && !named.has(one.secret.metadata.name));
  });
  await cluster.remove(unused.map(({ secret }) => `Secret/${secret.metadata.name}`));
}
