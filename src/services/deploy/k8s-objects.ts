import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Cluster } from '../../engine/kubernetes/cluster.js';
import type { KubeObject, PodSpec } from '../../engine/kubernetes/objects.js';
import { ExitCode, UserError } from '../../errors.js';
import { type K8sOptions, kubernetesManifests, type Manifests } from '../../export/k8s/manifests.js';
import type { DatabaseForm } from '../../export/k8s/part.js';
import type { ExportSource } from '../../export/source.js';

const OVERLAY = 'overlays/production';
/** The host in an exported overlay that a person has to replace. */
const PLACEHOLDER = /(?:^|\.)example\.com(?:[:/]|$)/;

/** The options of an earlier `export k8s`, as its objects show them. */
export async function exportedForm(
  folder: string,
  databaseName: string | undefined,
): Promise<{ database?: DatabaseForm; ingress?: string | undefined }> {
  const base = join(folder, 'base');
  if (!existsSync(join(base, 'kustomization.yaml'))) return {};
  const [kustomization] = objectsOf(await readFile(join(base, 'kustomization.yaml'), 'utf8'));
  const resources = (kustomization?.resources ?? []) as string[];
  const found: { database?: DatabaseForm; ingress?: string | undefined } = {};
  for (const name of resources) {
    if (!existsSync(join(base, name))) continue;
    for (const { kind, metadata, spec } of objectsOf(await readFile(join(base, name), 'utf8'))) {
      if (kind === 'Cluster') found.database = 'cnpg';
      if (kind === 'Ingress') found.ingress = spec?.rules?.[0]?.host;
      if (kind === 'Service' && spec?.type === 'ExternalName' && metadata.name === databaseName) {
        found.database ??= 'external';
      }
    }
  }
  return found;
}

function objectsOf(yaml: string): KubeObject[] {
  return parseAllDocuments(yaml).flatMap((document) => (document.toJS() as KubeObject | null) ?? []);
}

/**
 * The objects of the project: the person's overlay over a newly written base, in a temporary folder.
 *
 * @param folder of the export, whose `overlays/` are the person's
 * @throws UserError KUSTOMIZE_FAILED, OVERLAY_UNFINISHED (exit 4)
 */
export async function projectObjects(
  cluster: Cluster,
  source: ExportSource,
  options: K8sOptions,
  folder: string,
): Promise<{ manifests: Manifests; objects: KubeObject[] }> {
  const manifests = kubernetesManifests(source, options);
  const work = await mkdtemp(join(tmpdir(), 'invctl-k8s-'));
  try {
    for (const [path, content] of [...manifests.overlay, ...manifests.base]) {
      await mkdir(dirname(join(work, path)), { recursive: true });
      await writeFile(join(work, path), content);
    }
    if (existsSync(join(folder, 'overlays'))) {
      await cp(join(folder, 'overlays'), join(work, 'overlays'), { recursive: true });
    }
    const namespace = `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: ${manifests.namespace}\nresources: [../${OVERLAY}]\n`;
    await mkdir(join(work, 'deployed'));
    await writeFile(join(work, 'deployed/kustomization.yaml'), namespace);
    const objects = objectsOf(await cluster.render(join(work, 'deployed')));
    assertFinished(objects, join(folder, OVERLAY, 'kustomization.yaml'));
    return { manifests, objects };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function assertFinished(objects: readonly KubeObject[], file: string): void {
  for (const object of objects) {
    const { containers = [], initContainers = [] } = podSpec(object) ?? {};
    const images = [...containers, ...initContainers].flatMap(({ image }) => image ?? []);
    const image = images.find((one) => PLACEHOLDER.test(one.split('/')[0] ?? ''));
    if (image !== undefined) {
      throw unfinished(
        `nobody has said yet where the nodes pull ${image} from`,
        `invctl export k8s, push the image, and name it in ${file}:\n  images: [{name: …, newName: REGISTRY/NAME, newTag: "1"}]`,
      );
    }
    const host = object.kind === 'Service' ? object.spec?.externalName : undefined;
    if (host === 'database.example.com') {
      throw unfinished(
        'nobody has said yet where the database is',
        `invctl export k8s --db external, and write its host into ${file}`,
      );
    }
  }
}

function unfinished(message: string, hint: string): UserError {
  return new UserError({ code: 'OVERLAY_UNFINISHED', message, hint, exitCode: ExitCode.projectInvalid });
}

export function podSpec({ spec }: KubeObject): PodSpec | undefined {
  return spec?.template?.spec;
}

/** `Deployment/api`, a name that kubectl accepts. */
export function nameOf({ kind, metadata }: Pick<KubeObject, 'kind' | 'metadata'>): string {
  return `${kind}/${metadata.name}`;
}
