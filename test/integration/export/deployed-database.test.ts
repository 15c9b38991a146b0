import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { invctl } from '../../support/cli.js';
import { accountOf, cuttableCluster } from '../../support/export/changed-kubeconfig.js';
import { podCluster, withoutPods } from '../../support/export/cluster.js';
import { killedAt } from '../../support/kill-at-step.js';
import { killsOf } from '../../support/kills.js';

const { kubectl, kubectlWith, environment } = podCluster;
const NAMESPACE = `invctl-test-${randomBytes(4).toString('hex')}`;
const COMPOSE = `name: ${NAMESPACE}
services:
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: secret, POSTGRES_USER: me, POSTGRES_DB: shop}
    volumes: ["pgdata:/var/lib/postgresql/data"]
volumes: {pgdata: {}}
`;

interface Answer {
  code: number | null;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asks for.
  data: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  error: any;
  stderr: string;
}

/** A pod of the database, or something in its place. */
function podTemplate(labels: Record<string, string>, container: object) {
  return { metadata: { labels }, spec: { terminationGracePeriodSeconds: 5, containers: [container] } };
}

describe.skipIf(withoutPods())('the database that is deployed to a cluster', () => {
  let folder = '';
  let kubeContext = '';

  const psql = (sql: string, pod = 'db-0') =>
    kubectl('exec', '-n', NAMESPACE, pod, '--', 'psql', '-U', 'me', '-d', 'shop', '-qAtc', sql).stdout.trim();
  const record = (fields: object) =>
    writeFileSync(
      join(folder, '.invctl/cluster.json'),
      JSON.stringify({ context: kubeContext, namespace: NAMESPACE, ...fields }),
    );
  const folderOfBackups = () => join(folder, `backups/hosts/k8s-${kubeContext}-${NAMESPACE}`);
  const filesThere = () => {
    try {
      return readdirSync(folderOfBackups()).sort();
    } catch {
      return [];
    }
  };
  async function run(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Answer> {
    const { code, stdout, stderr } = await invctl([...args, '--json'], {
      cwd: folder,
      env: { ...environment, ...env },
    });
    const { data, error } = stdout === '' ? { data: undefined, error: undefined } : JSON.parse(stdout);
    return { code, data, error, stderr };
  }
  const failure = async (args: string[], env: NodeJS.ProcessEnv = {}) => {
    const { code, error } = await run(args, env);
    return [code, error?.code, error?.message, error?.hint];
  };
  const ready = (pod = 'db-0') =>
    vi.waitUntil(() => psql('SELECT 1', pod) === '1', { timeout: 90_000, interval: 500 });
  function apply(...objects: object[]): void {
    const { status, stderr } = kubectlWith(
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
      'apply',
      '-n',
      NAMESPACE,
      '-f',
      '-',
    );
    expect([status, stderr]).toEqual([0, expect.any(String)]);
  }
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'invctl-deployed-test-'));
    writeFileSync(join(folder, 'compose.yaml'), COMPOSE);
    mkdirSync(join(folder, '.invctl'));
    kubeContext = kubectl('config', 'current-context').stdout.trim();
    record({});
    kubectl('create', 'namespace', NAMESPACE);
    const labels = { 'app.kubernetes.io/name': NAMESPACE, 'app.kubernetes.io/component': 'db' };
    apply({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db', labels },
      spec: {
        serviceName: 'db',
        replicas: 1,
        selector: { matchLabels: labels },
        template: podTemplate(labels, {
          name: 'db',
          image: 'postgres:16',
          env: [
            { name: 'POSTGRES_PASSWORD', value: 'secret' },
            { name: 'POSTGRES_USER', value: 'me' },
            { name: 'POSTGRES_DB', value: 'shop' },
          ],
          readinessProbe: { exec: { command: ['pg_isready', '-h', '127.0.0.1'] }, periodSeconds: 2 },
        }),
      },
    });
    await ready();
    psql('CREATE TABLE items AS SELECT g AS id, md5(g::text) AS name FROM generate_series(1, 1000) g');
  }, 120_000);

  afterAll(() => {
    kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it('is backed up, restored by name, taken back and forgotten; without --deployed the one here is named', async () => {
    const taken = await run(['db', 'backup', '--deployed', '--level', '2']);
    expect([taken.error, taken.data.level, taken.data.manifest.tables]).toEqual([
      undefined,
      2,
      [expect.objectContaining({ name: 'public.items', rows: 1000 })],
    ]);
    const name = taken.data.file.split('/').at(-1);
    expect(filesThere()).toEqual([name, `${name}.manifest.json`]);
    expect((await run(['db', 'list', '--deployed'])).data.backups).toHaveLength(1);
    expect((await run(['db', 'list'])).data.backups).toEqual([]);

    for (const words of [
      ['backup'],
      ['restore', taken.data.file, '--yes'],
      ['psql', '--', '-c', 'SELECT 1'],
      ['url'],
    ]) {
      const { code, error, stderr } = await run(['db', ...words], { INVCTL_ENGINE: 'docker' });
      expect([code, stderr]).toEqual([1, expect.stringContaining('this is the database of this machine')]);
      if (words[0] === 'psql') continue;
      expect(error.message).toContain(
        `deployed in the namespace "${NAMESPACE}" of the context ${kubeContext}`,
      );
      expect(error.hint).toMatch(/^(?:the same command with|invctl db psql) --deployed\n/);
    }

    psql('DELETE FROM items WHERE id > 10');
    expect(await failure(['db', 'restore', name, '--deployed'])).toEqual([
      7,
      'CONFIRMATION_NEEDED',
      expect.stringContaining(`in the namespace "${NAMESPACE}"`),
      'the same command with --yes',
    ]);
    const restored = await run(['db', 'restore', name, '--deployed', '--yes']);
    expect([restored.error, restored.data.rows]).toEqual([
      undefined,
      [{ table: 'public.items', before: 10, after: 1000 }],
    ]);
    expect(psql('SELECT count(*) FROM items')).toBe('1000');
    const undone = await run(['db', 'restore', '--undo', '--deployed', '--yes']);
    expect([undone.error, psql('SELECT count(*) FROM items')]).toEqual([undefined, '10']);
    const forgotten = await run(['db', 'restore', '--forget', '--deployed', '--confirm', NAMESPACE]);
    expect(forgotten.data.forgotten).toEqual([expect.stringMatching(/^shop_before_/)]);
    expect(await failure(['db', 'restore', '--undo', '--deployed', '--yes'])).toEqual([
      1,
      'NOTHING_TO_UNDO',
      expect.any(String),
      expect.stringContaining('invctl db list --deployed'),
    ]);
    await run(['db', 'restore', name, '--deployed', '--yes']);
  }, 300_000);

  it('is the old one or the new one, whole, where a restore was killed', async () => {
    const [name] = filesThere();
    for (const [step, when] of killsOf('db restore').filter(([, when]) => when === 'after')) {
      psql('DELETE FROM items WHERE id > 10');
      const words = ['db', 'restore', name as string, '--deployed', '--yes'];
      expect([step, (await run(words, killedAt(step, when))).code]).toEqual([step, null]);
      expect(await failure(words)).toEqual([
        expect.any(Number),
        'UNFINISHED_OPERATION',
        expect.any(String),
        expect.stringContaining('invctl recover'),
      ]);
      const { data, error } = await run(['recover']);
      const isDone = step === 'restart';
      expect([error, data?.recovered]).toEqual([
        undefined,
        [
          expect.objectContaining({
            operation: 'db restore',
            outcome: isDone ? 'finished' : 'reverted',
            message: expect.stringContaining(
              isDone ? 'the one before it is kept as shop_before_' : 'shop is as it was before the restore',
            ),
          }),
        ],
      ]);
      expect([step, psql('SELECT count(*) FROM items')]).toEqual([step, isDone ? '1000' : '10']);
      expect(psql("SELECT count(*) FROM pg_database WHERE datname LIKE 'shop_restore%'")).toBe('0');
    }
    // A backup leaves a note among those of its database, which no other command has to wait for.
    expect((await run(['db', 'backup', '--deployed'], killedAt('dump', 'after'))).code).toBeNull();
    expect((await run(['recover'])).data.recovered).toEqual([
      expect.objectContaining({ operation: 'db backup', outcome: 'reverted' }),
    ]);
    expect(filesThere().filter((file) => file.endsWith('.partial'))).toEqual([]);
  }, 300_000);

  it('loses nothing where the pod goes away or the connection is cut', async () => {
    psql(
      'CREATE TABLE big AS SELECT g AS id, repeat(md5(g::text), 20) AS t FROM generate_series(1, 400000) g',
    );
    const before = filesThere();
    const partial = () => filesThere().some((name) => name.endsWith('.partial'));
    const { env, cut } = await cuttableCluster(podCluster, folder);
    const cutOff = run(['db', 'backup', '--deployed'], env);
    await vi.waitUntil(partial, { timeout: 60_000, interval: 20 });
    cut();
    const { code, error } = await cutOff;
    expect([code !== 0, error.code]).toEqual([
      true,
      expect.stringMatching(/^(?:KUBE_UNREACHABLE|POD_GONE)$/),
    ]);
    expect(filesThere()).toEqual(before);
    // The server ends what nobody reads.
    await vi.waitUntil(
      () => psql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'invctl%'") === '0',
      { timeout: 90_000, interval: 1000 },
    );

    const restarted = run(['db', 'backup', '--deployed']);
    await vi.waitUntil(partial, { timeout: 60_000, interval: 20 });
    kubectl('delete', 'pod', 'db-0', '-n', NAMESPACE, '--grace-period=1', '--wait=false');
    const { error: gone } = await restarted;
    expect(gone.hint).toContain(`--namespace ${NAMESPACE} get pods`);
    expect(filesThere()).toEqual(before);
    await ready();
    psql('CREATE TABLE items AS SELECT g AS id, md5(g::text) AS name FROM generate_series(1, 1000) g');
    expect((await run(['db', 'backup', '--deployed'])).error).toBeUndefined();
  }, 300_000);

  it('is not touched where it cannot be said which one it is, or nobody may; each error says what to type', async () => {
    const to = `kubectl --context ${kubeContext} --namespace ${NAMESPACE}`;
    const backup = ['db', 'backup', '--deployed'];
    kubectl('scale', '-n', NAMESPACE, 'statefulset/db', '--replicas=2');
    await vi.waitUntil(() => kubectl('get', 'pod', 'db-1', '-n', NAMESPACE).status === 0, {
      timeout: 60_000,
    });
    for (const words of [backup, ['db', 'restore', filesThere()[0] as string, '--deployed', '--yes']]) {
      expect(await failure(words)).toEqual([
        1,
        'SEVERAL_DATABASES',
        expect.stringContaining('(db-0, db-1), each with data of its own'),
        expect.stringContaining(`${to} scale statefulset/db --replicas=1 `),
      ]);
    }
    kubectl('scale', '-n', NAMESPACE, 'statefulset/db', '--replicas=0');
    kubectl('delete', 'pods', '-n', NAMESPACE, 'db-0', 'db-1', '--grace-period=0', '--force');
    await vi.waitUntil(() => kubectl('get', 'pods', '-n', NAMESPACE, '-o', 'name').stdout === '', {
      timeout: 60_000,
    });
    expect(await failure(backup)).toEqual([
      1,
      'SERVICE_NOT_RUNNING',
      `no pod of "db" runs in the namespace ${NAMESPACE}`,
      `${to} get pods`,
    ]);

    record({ namespace: `${NAMESPACE}-other` });
    expect((await failure(backup)).slice(0, 2)).toEqual([1, 'SERVICE_NOT_RUNNING']);
    record({ context: 'nowhere' });
    expect((await failure(backup)).slice(0, 2)).toEqual([3, 'KUBE_CONTEXT_UNKNOWN']);
    record({});

    // In its place: an image that cannot be pulled, one without client programs, and what CloudNativePG makes.
    const stand = (name: string, labels: Record<string, string>, container: object) =>
      apply({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, labels },
        spec: podTemplate(labels, container).spec,
      });
    const remove = (name: string) =>
      kubectl('delete', 'pod', name, '-n', NAMESPACE, '--grace-period=0', '--force');
    const component = { 'app.kubernetes.io/component': 'db' };
    stand('unpulled', component, {
      name: 'db',
      image: 'nowhere.invalid/postgres:16',
      imagePullPolicy: 'Never',
    });
    await vi.waitUntil(
      () => /ErrImage/.test(kubectl('get', 'pod', 'unpulled', '-n', NAMESPACE, '-o', 'json').stdout),
      { timeout: 60_000 },
    );
    expect(await failure(backup)).toEqual([
      1,
      'SERVICE_NOT_RUNNING',
      expect.stringMatching(/^the pod unpulled of "db" does not run: ErrImage/),
      `${to} describe pod unpulled`,
    ]);
    remove('unpulled');
    const sleeps = { imagePullPolicy: 'Never', command: ['sleep', '600'] };
    stand('bare', component, { name: 'db', image: 'debian:trixie-slim', ...sleeps });
    kubectl('wait', '--for=condition=Ready', 'pod/bare', '-n', NAMESPACE, '--timeout=60s');
    expect(await failure(backup)).toEqual([
      1,
      'PROGRAM_FAILED',
      expect.stringMatching(/^pg_dump does not run in the service db:\n.*executable file not found/),
      expect.stringContaining('an image that has'),
    ]);

    // Somebody who may look and not go in.
    const asReader = await accountOf(podCluster, folder, {
      namespace: NAMESPACE,
      name: 'reader',
      role: 'view',
    });
    expect(await failure(backup, asReader)).toEqual([
      1,
      'KUBE_FORBIDDEN',
      expect.stringContaining('pods/exec'),
      expect.stringContaining(`${to} auth can-i --list`),
    ]);
    remove('bare');
    stand(
      'operated',
      { 'cnpg.io/cluster': 'db-cluster' },
      { name: 'postgres', image: 'debian:trixie-slim', ...sleeps },
    );
    expect(await failure(backup)).toEqual([
      1,
      'DATABASE_OF_OPERATOR',
      expect.stringContaining('CloudNativePG runs "db", as the cluster db-cluster'),
      expect.stringContaining(`${to} cnpg backup db-cluster`),
    ]);
    expect(filesThere().filter((name) => name.endsWith('.partial'))).toEqual([]);
  }, 300_000);
});
