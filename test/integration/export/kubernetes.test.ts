import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { DATABASE_FORMS } from '../../../src/export/k8s/part.js';
import { exportK8s } from '../../../src/services/export.js';
import { folderContext } from '../../support/architecture/folder-context.js';
import { PUBLIC_PROJECTS } from '../../support/architecture/public-projects.js';
import { kubectl, kubectlWith, withoutCluster } from '../../support/export/cluster.js';
import { CNPG_CRD } from '../../support/export/cnpg-schema.js';
import { scaffoldFiles } from '../../support/export/scaffold-files.js';
import { projectWithKey, projectWithKeys, SERVICE_KEYS } from '../../support/export/service-keys.js';
import { bareShell, withProject } from '../../support/project/project-on-disk.js';

const namespace = `invctl-test-${process.pid}`;

/** All of them with EXPORT_PROJECTS=all. */
const SOME_PROJECTS = PUBLIC_PROJECTS.filter(
  (_, index) => process.env.EXPORT_PROJECTS === 'all' || index % 4 === 0,
);

/** The ten of `test/unit/export/acceptance.test.ts`, whose eleventh criterion is here. */
const TEN = PUBLIC_PROJECTS.filter(
  (_, index) => index % Math.max(1, Math.floor(PUBLIC_PROJECTS.length / 10)) === 0,
).slice(0, 10);

/** What the API server says to the objects of a folder's project, in a namespace of this test. */
async function applied(directory: string, env: NodeJS.ProcessEnv, ...args: string[]) {
  const { folder } = await exportK8s(folderContext(directory, env), { database: 'statefulset' });
  const own = args[args.indexOf('--namespace') + 1];
  const overlay = join(folder, 'overlays/production/kustomization.yaml');
  writeFileSync(overlay, `resources: [../../base]\nnamespace: ${own}\n`);
  const { stdout } = kubectl('kustomize', join(folder, 'overlays/production'));
  // The namespace itself is the test's own.
  const file = join(folder, 'all.yaml');
  writeFileSync(
    file,
    stdout
      .split(/^---$/m)
      .filter((text) => !/^kind: Namespace$/m.test(text))
      .join('---'),
  );
  return kubectl(...args, '-f', file);
}

const DRY_RUN = ['apply', '--server-side', '--dry-run=server', '--namespace', namespace] as const;

describe.skipIf(withoutCluster)('a Kubernetes API server', () => {
  if (!withoutCluster) kubectl('create', 'namespace', namespace);

  it('takes a service with each key of the Compose schema', async () => {
    await withProject(projectWithKeys(Object.keys(SERVICE_KEYS)), async (directory) => {
      const { status, stderr } = await applied(directory, bareShell({ COMPOSE_PROFILES: '*' }), ...DRY_RUN);
      expect([status, stderr]).toEqual([0, '']);
    });
  });

  it.each(SOME_PROJECTS)('takes the project "$title"', async ({ files, env, from }) => {
    await withProject(files, async (root) => {
      const { status, stderr } = await applied(join(root, from ?? ''), bareShell(env), ...DRY_RUN);
      expect([status, stderr]).toEqual([0, '']);
    });
  });

  it.each([
    { title: 'the scaffold', files: undefined, env: {}, from: '' },
    ...(process.env.EXPORT_PROJECTS === 'all' ? PUBLIC_PROJECTS : TEN),
  ])('finds no difference after it has applied $title', async ({ files, env, from }) => {
    // What selects the pods of a workload cannot be changed to that of another project.
    const own = `${namespace}-${randomBytes(3).toString('hex')}`;
    kubectl('create', 'namespace', own);
    try {
      await withProject(files ?? (await scaffoldFiles()), async (root) => {
        const directory = join(root, from ?? '');
        const shell = bareShell(env);
        const inside = ['--server-side', '--force-conflicts', '--namespace', own];
        const first = await applied(directory, shell, 'apply', ...inside);
        expect([first.status, first.stderr]).toEqual([0, '']);
        const { status, stdout } = await applied(directory, shell, 'diff', ...inside);
        expect([status, stdout]).toEqual([0, '']);
      });
    } finally {
      kubectl('delete', 'namespace', own, '--wait=false');
    }
  });

  it.each(DATABASE_FORMS)('takes a Kustomize folder as kubectl reads it: %s', async (database) => {
    const files = projectWithKey('environment: {A: "1"}');
    await withProject(files, async (directory) => {
      const { folder } = await exportK8s(folderContext(directory, bareShell()), { database });
      const { status, stderr } = kubectl('kustomize', join(folder, 'overlays/production'));
      expect([status, stderr]).toEqual([0, '']);
    });
  });

  it('keeps every field of the cluster that CloudNativePG gets', async () => {
    const isOurs = kubectlWith(JSON.stringify(CNPG_CRD), 'create', '-f', '-').status === 0;
    try {
      await vi.waitUntil(() => kubectl('get', 'clusters.postgresql.cnpg.io').status === 0, {
        timeout: 20_000,
      });
      const asked = (object: object) =>
        kubectlWith(JSON.stringify(object), ...DRY_RUN, '--validate=false', '--output=json', '-f', '-');
      for (const user of ['', 'POSTGRES_USER: me, POSTGRES_DB: goods, ']) {
        const files = {
          'compose.yaml': `services: {db: {image: "postgres:16", environment: {${user}POSTGRES_PASSWORD: x}, volumes: ["data:/var/lib/postgresql/data"]}}\nvolumes: {data: {x-size: 3Gi}}\n`,
        };
        await withProject(files, async (directory) => {
          const { folder } = await exportK8s(folderContext(directory, bareShell()), { database: 'cnpg' });
          const { stdout } = kubectl('kustomize', join(folder, 'base'));
          const objects = parseAllDocuments(stdout).map((document) => document.toJS());
          const cluster = objects.find(({ kind }) => kind === 'Cluster');
          cluster.metadata.namespace = namespace;
          const answer = asked(cluster);
          expect([answer.status, answer.stderr]).toEqual([0, '']);
          expect(JSON.parse(answer.stdout).spec).toMatchObject(cluster.spec);
          expect(cluster.spec.storage).toEqual({ size: '3Gi' });
          // What it does not know is refused, and what is of another type: so the above says something.
          const unknown = asked({ ...cluster, spec: { ...cluster.spec, replicas: 2 } });
          expect([unknown.status, unknown.stderr]).toEqual([1, expect.stringContaining('spec.replicas')]);
          const wrong = asked({ ...cluster, spec: { ...cluster.spec, instances: 0 } });
          expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining('spec.instances')]);
        });
      }
    } finally {
      if (isOurs) kubectl('delete', 'crd', 'clusters.postgresql.cnpg.io', '--wait=false');
    }
  }, 60_000);

  afterAll(() => {
    if (!withoutCluster) kubectl('delete', 'namespace', namespace, '--wait=false');
  });
});
