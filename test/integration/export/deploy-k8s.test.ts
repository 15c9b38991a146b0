import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { invctl } from '../../support/cli.js';
import { clusterEnvironment, kubectl, kubectlWith, withoutCluster } from '../../support/export/cluster.js';
import { type Played, playKubelet } from '../../support/export/played-kubelet.js';
import { severableProxy } from '../../support/export/severable-proxy.js';
import { atFullSize } from '../../support/fault-counts.js';
import { killedAt } from '../../support/kill-at-step.js';
import { killsOf } from '../../support/kills.js';
import { schemaErrors } from '../../support/schema.js';

const PASSWORD = `s3cret-${randomBytes(9).toString('hex')}`;
const COMPOSE = `name: NAME
services:
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/db_password}
    secrets: [db_password]
    volumes: ["pgdata:/var/lib/postgresql/data"]
  api:
    image: shop/api:1
    environment: {DATABASE_HOST: db, GREETING: hello, API_KEY: key-${PASSWORD}}
    expose: [5003]
    secrets: [db_password]
volumes: {pgdata: {}}
secrets: {db_password: {file: ./secrets/db_password.txt}}
`;

interface Project {
  namespace: string;
  folder: string;
  edit(from: string | RegExp, to: string): void;
  deploy(args?: string[], env?: NodeJS.ProcessEnv): Promise<Deployed>;
  run(args: string[], env?: NodeJS.ProcessEnv): ReturnType<typeof invctl>;
}

interface Deployed {
  code: number | null;
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asks for.
  data: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  error: any;
  stderr: string;
}

describe.skipIf(withoutCluster)('deploy k8s', () => {
  const folders: string[] = [];
  const namespaces: string[] = [];

  async function project(): Promise<Project> {
    const namespace = `invctl-test-${randomBytes(4).toString('hex')}`;
    namespaces.push(namespace);
    const folder = await mkdtemp(join(tmpdir(), 'invctl-k8s-test-'));
    folders.push(folder, `${folder}-state`);
    const file = join(folder, 'compose.yaml');
    writeFileSync(file, COMPOSE.replace('NAME', namespace));
    mkdirSync(join(folder, 'secrets'));
    writeFileSync(join(folder, 'secrets/db_password.txt'), `${PASSWORD}\n`);
    return {
      namespace,
      folder,
      run: (args, env = {}) =>
        invctl(args, {
          cwd: folder,
          env: { ...clusterEnvironment, INVCTL_STATE_DIR: `${folder}-state`, ...env },
        }),
      edit: (from, to) => writeFileSync(file, readFileSync(file, 'utf8').replace(from, to)),
      async deploy(args = [], env = {}) {
        const { code, stdout, stderr } = await invctl(['deploy', 'k8s', '--json', '--verbose', ...args], {
          cwd: folder,
          env: { ...clusterEnvironment, INVCTL_STATE_DIR: `${folder}-state`, ...env },
        });
        const document = JSON.parse(stdout);
        if (document.ok) expect(schemaErrors('deploy-k8s', document)).toEqual([]);
        // Argument vectors are in what --verbose prints.
        for (const text of [stdout, stderr]) {
          expect(text).not.toContain(PASSWORD);
          expect(text).not.toContain(Buffer.from(PASSWORD).toString('base64').slice(0, 20));
        }
        return { code, data: document.data, error: document.error, stderr };
      },
    };
  }

  // biome-ignore lint/suspicious/noExplicitAny: as Kubernetes has it.
  const get = (namespace: string, ...words: string[]): any =>
    JSON.parse(kubectl('get', '-n', namespace, ...words, '-o', 'json').stdout || '{"items":[]}');
  const secretsOf = (namespace: string): string[] =>
    get(namespace, 'secrets', '-l', 'invctl.dev/secret')
      .items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)
      .sort();

  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    if (!withoutCluster) kubectl('delete', 'namespace', '--ignore-not-found', '--wait=false', ...namespaces);
  });

  it('is ready, unchanged the second time, and back where a new version does not become ready', async () => {
    const { namespace, folder, edit, deploy, run } = await project();
    const dry = await deploy(['--dry-run']);
    expect([dry.code, dry.data.objects.length > 5]).toEqual([0, true]);
    expect(kubectl('get', 'namespace', namespace).status).toBe(1);

    const plays: Record<string, Played> = {
      'shop/api:broken': 'ImagePullBackOff',
      'shop/api:fat': 'CrashLoopBackOff',
    };
    const kubelet = playKubelet(namespace, (image) => plays[image] ?? 'ready');
    try {
      const first = await deploy();
      expect([first.error, Object.keys(first.data.seconds).sort()]).toEqual([undefined, ['api', 'db']]);
      expect(secretsOf(namespace)).toEqual(['api-env-v1', 'db-password-v1']);
      const { data } = get(namespace, 'secret', 'db-password-v1');
      expect(Buffer.from(data.db_password, 'base64').toString()).toBe(`${PASSWORD}\n`);
      const { spec } = get(namespace, 'deployment', 'api').spec.template;
      expect(spec.volumes[0].secret.secretName).toBe('db-password-v1');

      const { stdout } = await run(['ps', '--json']);
      expect(schemaErrors('ps', JSON.parse(stdout))).toEqual([]);
      const { deployed, services } = JSON.parse(stdout).data;
      expect(deployed).toEqual({ orchestrator: 'k8s', place: `the namespace "${namespace}"`, problems: [] });
      expect(services).toContainEqual(
        expect.objectContaining({ name: 'api', state: 'running', replicas: { ready: 1, wanted: 1 } }),
      );
      const { logs } = services.find(({ name }: { name: string }) => name === 'api');
      const words = logs.split(' ');
      expect(logs).toMatch(/^kubectl (--context \S+ )?--namespace \S+ logs /);
      const pods = kubectl(
        'get',
        'pods',
        '-n',
        namespace,
        words[words.indexOf('--selector')],
        words[words.indexOf('--selector') + 1],
        '-o',
        'name',
      );
      expect(pods.stdout).toMatch(/^pod\/api-\S+\n$/);

      const again = await deploy();
      expect(again.data.objects.filter(({ action }: { action: string }) => action !== 'unchanged')).toEqual(
        [],
      );
      const generation = get(namespace, 'deployment', 'api').metadata.generation;

      // A new image that nobody can pull, with another secret and another setting.
      edit('shop/api:1', 'shop/api:broken');
      edit('GREETING: hello', 'GREETING: goodbye');
      writeFileSync(join(folder, 'secrets/db_password.txt'), `${PASSWORD}-2`);
      const change = await deploy(['--dry-run']);
      expect(change.data.diff).toMatch(/-\s+image: shop\/api:1\n\+\s+image: shop\/api:broken/);
      expect(get(namespace, 'deployment', 'api').metadata.generation).toBe(generation);
      const broken = await deploy(['--timeout', '4']);
      expect([broken.code, broken.error.code, broken.error.state]).toEqual([6, 'DEPLOY_FAILED', 'back']);
      expect(broken.error.message).toContain('the node cannot pull its image shop/api:broken');
      const back = get(namespace, 'deployment', 'api');
      expect(back.spec.template.spec.containers[0].image).toBe('shop/api:1');
      expect(back.status.availableReplicas).toBe(1);
      expect(secretsOf(namespace)).toEqual(['api-env-v1', 'db-password-v1']);
      expect(get(namespace, 'statefulset', 'db').status.readyReplicas).toBe(1);

      // What goes back leaves no field behind that the next deployment would stumble over.
      edit('shop/api:broken', 'shop/api:fat');
      const fat = await deploy([]);
      expect(fat.error.message).toContain('it was killed, as it needs more memory than its limit');
      edit('shop/api:fat', 'shop/api:2');
      const second = await deploy();
      expect([second.error, secretsOf(namespace)]).toEqual([
        undefined,
        ['api-env-v1', 'db-password-v1', 'db-password-v2'],
      ]);

      // Somebody else's field, and whoever takes it over.
      const scaled = ['--type=merge', '--field-manager=scaler', '--patch', '{"spec": {"replicas": 2}}'];
      expect(kubectl('patch', '-n', namespace, 'deployment/api', ...scaled).status).toBe(0);
      edit('expose: [5003]', 'expose: [5003]\n    deploy: {replicas: 3}');
      const taken = await deploy();
      expect(taken.error.code).toBe('KUBE_CONFLICT');
      expect(taken.error.message).toMatch(/^Deployment api: "scaler" has changed .*\.spec\.replicas$/);
      expect((await deploy(['--take-over'])).error).toBeUndefined();
      expect(get(namespace, 'deployment', 'api').status.availableReplicas).toBe(3);
    } finally {
      await kubelet.stop();
    }
  }, 240_000);

  it('says which object of somebody else is in its way, and refuses a database without its data', async () => {
    const { namespace, edit, deploy } = await project();
    const kubelet = playKubelet(namespace, () => 'ready');
    const made = (...words: string[]) => expect(kubectl('-n', namespace, ...words).status).toBe(0);
    try {
      expect(kubectl('create', 'namespace', namespace).status).toBe(0);
      made('create', 'deployment', 'api', '--image=nginx:1');
      made('create', 'service', 'clusterip', 'db', '--tcp=5432');
      const conflict = await deploy();
      expect(conflict.error.code).toBe('KUBE_CONFLICT');
      for (const one of [/^Service db: "kubectl-create" has/m, /^Deployment api: "kubectl-create" has/m])
        expect(conflict.error.message).toMatch(one);
      const fixed = await deploy(['--take-over']);
      expect(fixed.error.code).toBe('MANIFEST_REFUSED');
      const [, command = ''] = /^kubectl (.*?) && invctl deploy k8s/.exec(fixed.error.hint) ?? [];
      expect(command).toMatch(/delete --cascade=orphan .*service\/db/);
      expect(kubectl(...command.split(' ')).status).toBe(0);
      expect((await deploy(['--take-over'])).error).toBeUndefined();

      edit('["pgdata:/var', '["renamed:/var');
      edit('volumes: {pgdata', 'volumes: {renamed');
      const renamed = await deploy();
      expect(renamed.error).toMatchObject({
        code: 'VOLUME_RENAMED',
        message: expect.stringContaining('its data is in the claim pgdata-db-0'),
      });
      expect(renamed.error.hint).toMatch(/^call the volume pgdata in the compose file/);
    } finally {
      await kubelet.stop();
    }
  }, 240_000);

  it('is judged by doctor --production as it runs, and each item has what makes it green', async () => {
    const { namespace, folder, edit, deploy } = await project();
    const judge = async (env: NodeJS.ProcessEnv = {}) => {
      const { stdout } = await invctl(['doctor', '--production', '--json'], {
        cwd: folder,
        env: {
          ...clusterEnvironment,
          INVCTL_STATE_DIR: `${folder}-state`,
          DOCKER_HOST: 'unix:///var/run/none',
          ...env,
        },
      });
      const document = JSON.parse(stdout);
      expect(schemaErrors('doctor', document)).toEqual([]);
      expect(stdout).not.toContain(PASSWORD);
      const items = document.data.checks.filter(({ id }: { id: string }) => id.startsWith('prod.'));
      expect(items).toHaveLength(12);
      // biome-ignore lint/suspicious/noExplicitAny: as the schema has it.
      const byId = Object.fromEntries(items.map((item: any) => [item.id.slice(5), item]));
      return { deployed: document.data.deployed, byId };
    };
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    const outcomes = (byId: any) =>
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      Object.fromEntries(Object.entries(byId).map(([id, { outcome }]: any) => [id, outcome]));
    const kubelet = playKubelet(namespace, () => 'ready');
    try {
      edit('GREETING: hello', 'GREETING: hello, NODE_ENV: development');
      expect((await deploy()).error).toBeUndefined();
      const raw = await judge();
      expect(raw.deployed).toEqual({
        orchestrator: 'k8s',
        place: expect.stringContaining(`the namespace "${namespace}"`),
      });
      expect(outcomes(raw.byId)).toEqual({
        'dev-config': 'fail',
        'env-files': 'fail',
        limits: 'fail',
        restart: 'pass',
        logs: 'unknown',
        healthchecks: 'pass',
        monitoring: 'unknown',
        'secrets-manager': 'fail',
        backups: 'fail',
        orchestration: 'warn',
        ci: 'unknown',
        scanning: 'unknown',
      });
      const redeploy = `--namespace ${namespace}`;
      for (const id of ['dev-config', 'env-files', 'limits', 'secrets-manager', 'orchestration']) {
        for (const { next } of raw.byId[id].findings)
          expect(next).toMatch(new RegExp(`invctl deploy k8s .*${redeploy}`));
      }
      expect(raw.byId.backups.findings[0].next).toBe('invctl db backup --deployed');
      expect(raw.byId.limits.findings.map(({ service }: { service: string }) => service).sort()).toEqual([
        'api',
        'db',
      ]);

      const sum = (digit: string) => `@sha256:${digit.repeat(64)}`;
      const kept = 'deploy: {resources: {limits: {memory: 512m}}}\n    healthcheck: {test: [CMD, "true"]}';
      edit('NODE_ENV: development', 'NODE_ENV: production');
      edit(/, API_KEY: \S+(?=\})/, '');
      edit('image: postgres:16', `image: postgres:16${sum('a')}\n    ${kept}`);
      edit('image: shop/api:1', `image: shop/api:1${sum('b')}\n    ${kept}`);
      expect((await deploy()).error).toBeUndefined();
      const mended = await judge();
      expect(outcomes(mended.byId)).toMatchObject({
        'dev-config': 'pass',
        'env-files': 'pass',
        limits: 'pass',
        healthchecks: 'pass',
        'secrets-manager': 'unknown',
        orchestration: 'pass',
      });

      // What somebody changed there by hand, the files do not show.
      const patch = (text: string) =>
        kubectl('patch', '-n', namespace, 'deployment/api', '--type=json', '--patch', text).status;
      const container = '/spec/template/spec/containers/0';
      expect(
        patch(
          `[{"op": "remove", "path": "${container}/resources"}, {"op": "remove", "path": "${container}/readinessProbe"}, {"op": "remove", "path": "${container}/livenessProbe"}]`,
        ),
      ).toBe(0);
      const drifted = await judge();
      expect(drifted.byId.limits.findings).toEqual([
        expect.objectContaining({
          message: expect.stringContaining('"api" runs without a memory limit in the namespace'),
          next: expect.stringMatching(/^invctl deploy k8s /),
          service: 'api',
        }),
      ]);
      expect(outcomes(drifted.byId)).toMatchObject({ limits: 'fail', healthchecks: 'fail', restart: 'pass' });

      // All of it is gone: that is a finding, and the rest is not judged.
      kubectl('delete', '-n', namespace, 'deployment/api', 'statefulset/db');
      const gone = await judge();
      expect(gone.byId.orchestration).toMatchObject({
        outcome: 'fail',
        findings: [{ next: expect.stringMatching(/^invctl deploy k8s .*rm \S+cluster\.json/) }],
      });
      expect(outcomes(gone.byId)).toMatchObject({ limits: 'unknown', restart: 'unknown' });

      // Nobody answers: nothing is green that only the cluster can tell.
      const kubeconfig = parse(readFileSync(clusterEnvironment.KUBECONFIG as string, 'utf8'));
      kubeconfig.clusters[0].cluster.server = 'https://127.0.0.1:1';
      writeFileSync(join(folder, 'nowhere'), stringify(kubeconfig));
      const away = await judge({ KUBECONFIG: join(folder, 'nowhere') });
      expect(away.deployed.orchestrator).toBe('unread');
      expect(new Set(Object.values(outcomes(away.byId)))).toEqual(new Set(['unknown']));
      expect(away.byId.limits.reason).toMatch(/^not judged: the namespace .* cannot be read/);
    } finally {
      await kubelet.stop();
    }
  }, 240_000);

  it.runIf(atFullSize)(
    'is finished or taken back where it was killed',
    async () => {
      const { namespace, folder, edit, run, deploy } = await project();
      const kubelet = playKubelet(namespace, () => 'ready');
      const greeting = () =>
        get(namespace, 'deployment', 'api').spec.template.spec.containers[0].envFrom[0].configMapRef.name;
      const recovered = async () => JSON.parse((await run(['recover', '--json'])).stdout).data.recovered;
      try {
        const first = await run(['deploy', 'k8s'], killedAt('apply', 'after'));
        expect([first.code, (await recovered())[0].outcome]).toEqual([null, 'reverted']);
        expect([get(namespace, 'deployments').items, secretsOf(namespace)]).toEqual([[], []]);
        expect((await deploy()).error).toBeUndefined();
        let edition = 0;
        const kills = killsOf('deploy k8s');
        const usual = kills.filter(([step, when]) => step !== 'apply' && when === 'before');
        for (const [step, when, noted] of atFullSize ? kills : usual) {
          edition += 1;
          const [before, secrets] = [greeting(), secretsOf(namespace)];
          edit(/GREETING: \w+/, `GREETING: edition${edition}`);
          writeFileSync(join(folder, 'secrets/db_password.txt'), `${PASSWORD}-${edition}`);
          expect((await run(['deploy', 'k8s'], killedAt(step, when))).code).toBeNull();
          const outcomes = (await recovered()).map(({ outcome }: { outcome: string }) => outcome);
          const isBack = noted === undefined || noted === 'apply';
          expect([step, when, outcomes]).toEqual([
            step,
            when,
            noted === undefined ? [] : [isBack ? 'reverted' : 'finished'],
          ]);
          expect([step, when, greeting() === before]).toEqual([step, when, isBack]);
          if (isBack) expect(secretsOf(namespace)).toEqual(secrets);
          expect(get(namespace, 'statefulset', 'db').status.readyReplicas).toBe(1);
        }
        // The next deployment does it by itself.
        await run(['deploy', 'k8s'], killedAt('apply', 'after'));
        const next = await deploy();
        expect([next.error, next.stderr]).toEqual([
          undefined,
          expect.stringContaining('was cut off, and is reverted'),
        ]);
      } finally {
        await kubelet.stop();
      }
    },
    240_000,
  );

  it('says after a recovery which backup is not restored yet, and who else keeps the database', async () => {
    const { namespace, folder, run, deploy } = await project();
    writeFileSync(
      join(folder, 'old.sql'),
      '-- PostgreSQL database dump\n-- PostgreSQL database dump complete\n',
    );
    const kubelet = playKubelet(namespace, () => 'ready');
    try {
      const words = ['deploy', 'k8s', '--yes', '--restore', 'old.sql'];
      expect((await run(words, killedAt('wait', 'after'))).code).toBeNull();
      const { data } = JSON.parse((await run(['recover', '--json'])).stdout);
      expect(data.recovered).toEqual([
        expect.objectContaining({
          operation: 'deploy k8s',
          outcome: 'finished',
          message: expect.stringMatching(
            new RegExp(
              `^"${namespace}" is ready; old\\.sql is not restored yet: invctl deploy k8s --context \\S+ --namespace ${namespace} --restore old\\.sql$`,
            ),
          ),
        }),
      ]);
    } finally {
      await kubelet.stop();
    }
    const { error } = await deploy(['--db', 'cnpg', '--yes', '--restore', 'old.sql']);
    expect([error.code, error.hint]).toEqual([
      'RESTORE_NOT_HERE',
      expect.stringContaining(
        `kubectl --namespace ${namespace} exec --stdin service/db-cluster-rw --container postgres -- pg_restore --dbname=postgres --no-owner --single-transaction < FILE`,
      ),
    ]);
  }, 120_000);

  it('removes what it made where nothing was there before, and names the want of a storage class or a quota', async () => {
    const { namespace, deploy } = await project();
    const without = await deploy(['--timeout', '4']);
    expect([without.code, without.error.state]).toEqual([6, 'removed']);
    expect(without.error.message).toContain('the cluster has no default storage class');
    expect(
      get(
        namespace,
        'deployments,statefulsets,services,configmaps',
        '-l',
        'app.kubernetes.io/managed-by=invctl',
      ).items,
    ).toEqual([]);
    expect(secretsOf(namespace)).toEqual([]);
    expect(get(namespace, 'pvc').items).toHaveLength(1);

    kubectlWith(
      `{"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small", "namespace": "${namespace}"}, "spec": {"hard": {"pods": "0"}}}`,
      'create',
      '-f',
      '-',
    );
    const { error } = await deploy(['--timeout', '20']);
    expect(error.message).toContain('the quota small of the namespace does not allow it');
  });

  it('changes nothing where it cannot be done, and says what to type', async () => {
    const { namespace, folder, edit, deploy } = await project();
    const kubeconfig = parse(readFileSync(clusterEnvironment.KUBECONFIG as string, 'utf8'));
    const withConfig = (change: (config: typeof kubeconfig) => void): NodeJS.ProcessEnv => {
      const changed = structuredClone(kubeconfig);
      change(changed);
      const file = join(folder, `kubeconfig-${randomBytes(3).toString('hex')}`);
      writeFileSync(file, stringify(changed));
      return { KUBECONFIG: file };
    };
    const refused = async (env: NodeJS.ProcessEnv = {}, args: string[] = []) => {
      const { code, error } = await deploy(args, env);
      return [code, error?.code];
    };
    expect(await refused({}, ['--context', 'nowhere'])).toEqual([3, 'KUBE_CONTEXT_UNKNOWN']);
    expect(
      await refused(
        withConfig((config) => {
          config.users[0].user = { token: 'expired' };
        }),
      ),
    ).toEqual([3, 'KUBE_LOGIN_EXPIRED']);
    expect(
      await refused(
        withConfig((config) => {
          config.clusters[0].cluster.server = 'https://127.0.0.1:1';
        }),
      ),
    ).toEqual([3, 'KUBE_UNREACHABLE']);
    writeFileSync(join(folder, 'broken'), '{');
    expect(await refused({ KUBECONFIG: join(folder, 'broken') })).toEqual([3, 'KUBECONFIG_INVALID']);
    mkdirSync(join(folder, 'bin'));
    expect(await refused({ PATH: join(folder, 'bin') })).toEqual([3, 'KUBECTL_MISSING']);

    // Somebody who may read one namespace, and change nothing.
    kubectl('create', 'namespace', namespace);
    kubectl('create', 'serviceaccount', 'reader', '-n', namespace);
    kubectl(
      'create',
      'rolebinding',
      'reader',
      '-n',
      namespace,
      '--clusterrole=view',
      `--serviceaccount=${namespace}:reader`,
    );
    let token = '';
    for (let i = 0; i < 50 && token === ''; i += 1) {
      const own = get(namespace, 'secrets').items.find(({ metadata }: { metadata: { name: string } }) =>
        metadata.name.startsWith('reader-token'),
      );
      token = Buffer.from(own?.data?.token ?? '', 'base64').toString();
    }

    expect(
      await refused(
        withConfig((config) => {
          config.users[0].user = { token };
        }),
      ),
    ).toEqual([1, 'KUBE_FORBIDDEN']);

    edit('image: shop/api:1', 'build: ./api');
    mkdirSync(join(folder, 'api'));
    writeFileSync(join(folder, 'api/Dockerfile'), 'FROM scratch\n');
    expect(await refused()).toEqual([4, 'OVERLAY_UNFINISHED']);
    edit('build: ./api', 'image: shop/api:1');
    edit('{file: ./secrets/db_password.txt}', '{external: true}');
    expect(await refused()).toEqual([4, 'SECRET_EXTERNAL_MISSING']);
    expect(get(namespace, 'all', '-l', 'app.kubernetes.io/managed-by=invctl').items).toEqual([]);
  });

  it('leaves a Secret of somebody else as it is, and says what the API server refuses', async () => {
    const { namespace, folder, deploy } = await project();
    const make = (...words: string[]) => {
      const { status, stderr } = kubectl('create', ...words);
      expect([words, status, stderr]).toEqual([words, 0, expect.any(String)]);
    };
    make('namespace', namespace);
    kubectl('label', 'namespace', namespace, `refused=${namespace}`);
    make('secret', 'generic', 'db-password-v1', '-n', namespace, '--from-literal=other=precious');
    const untouched = () => {
      const { data, immutable } = get(namespace, 'secret', 'db-password-v1');
      expect([Buffer.from(data.other, 'base64').toString(), Object.keys(data), immutable]).toEqual([
        'precious',
        ['other'],
        undefined,
      ]);
      expect(secretsOf(namespace)).toEqual([]);
      expect(get(namespace, 'all', '-l', 'app.kubernetes.io/managed-by=invctl').items).toEqual([]);
    };
    const failed = await deploy(['--timeout', '1']);
    expect(failed.error.state).toBe('removed');
    untouched();

    make('quota', 'small', '-n', namespace, '--hard=secrets=0');
    const quota = await deploy();
    expect([quota.code, quota.error]).toEqual([
      1,
      expect.objectContaining({
        code: 'KUBE_QUOTA',
        message: expect.stringMatching(/does not allow it: small, requested: secrets, used: /),
        hint: expect.stringContaining(`--namespace ${namespace} describe resourcequota small `),
      }),
    ]);
    kubectl('delete', 'quota', 'small', '-n', namespace);

    // Somebody who may do everything but make Secrets.
    const account = `${namespace}:half`;
    make('serviceaccount', 'half', '-n', namespace);
    make('rolebinding', 'half', '-n', namespace, '--clusterrole=view', `--serviceaccount=${account}`);
    make('role', 'half', '-n', namespace, '--verb=get,list', '--resource=secrets');
    make('rolebinding', 'reads', '-n', namespace, '--role=half', `--serviceaccount=${account}`);
    const token = await vi.waitUntil(
      () => {
        const secrets = get(namespace, 'secrets').items as {
          metadata: { name: string };
          data: { token: string };
        }[];
        const own = secrets.find(({ metadata }) => metadata.name.startsWith('half-token'));
        return own && Buffer.from(own.data.token, 'base64').toString();
      },
      { timeout: 20_000 },
    );
    const config = parse(readFileSync(clusterEnvironment.KUBECONFIG as string, 'utf8'));
    config.users[0].user = { token };
    writeFileSync(join(folder, 'half'), stringify(config));
    const half = await deploy([], { KUBECONFIG: join(folder, 'half') });
    expect([half.code, half.error.code, half.error.hint]).toEqual([
      1,
      'KUBE_FORBIDDEN',
      expect.stringContaining(`--namespace ${namespace} auth can-i --list`),
    ]);
    expect(half.error.message).toContain('"db-password-v2" is forbidden');

    // A rule of the cluster that nobody answers for.
    const rule = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: namespace },
      webhooks: [
        {
          name: 'policy.example.com',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          timeoutSeconds: 1,
          namespaceSelector: { matchLabels: { refused: namespace } },
          clientConfig: { url: 'https://127.0.0.1:1/' },
          rules: [
            { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['*'], resources: ['deployments'] },
          ],
        },
      ],
    };
    kubectlWith(JSON.stringify(rule), 'create', '-f', '-');
    try {
      const asked = await vi.waitUntil(
        async () => {
          const { error } = await deploy(['--timeout', '1']);
          return error.code === 'MANIFEST_REFUSED' && error;
        },
        { timeout: 30_000 },
      );
      expect(asked.message).toContain('asks "policy.example.com" about what is deployed, and gets no answer');
      expect(asked.hint).toContain('kubectl get validatingwebhookconfigurations');
    } finally {
      kubectl('delete', 'validatingwebhookconfiguration', namespace);
    }
    untouched();
  });

  it('says that the cluster goes on when the API server goes away', async () => {
    const { folder, deploy } = await project();
    const kubeconfig = parse(readFileSync(clusterEnvironment.KUBECONFIG as string, 'utf8'));
    const port = Number(new URL(kubeconfig.clusters[0].cluster.server).port);
    const { port: own, cut } = await severableProxy(port);
    kubeconfig.clusters[0].cluster.server = `https://127.0.0.1:${own}`;
    const file = join(folder, 'kubeconfig');
    writeFileSync(file, stringify(kubeconfig));
    const running = deploy([], { KUBECONFIG: file });
    const namespace = namespaces.at(-1) as string;
    for (let i = 0; i < 200 && get(namespace, 'pods').items.length === 0; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    cut();
    const { code, error } = await running;
    expect([code, error.code]).toEqual([3, 'KUBE_UNREACHABLE']);
    expect(error.message).toContain('the orchestrator stopped answering while');
    expect(error.hint).toContain('invctl deploy k8s');
  });
});
