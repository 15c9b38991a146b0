import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { invctl } from '../../support/cli.js';
import { accountOf, cuttableCluster } from '../../support/export/changed-kubeconfig.js';
import { podCluster, withoutPods } from '../../support/export/cluster.js';
import { killedAt } from '../../support/kill-at-step.js';
import { killsOf, someOf } from '../../support/kills.js';
import { schemaErrors } from '../../support/schema.js';

const { kubectl, environment } = podCluster;
const NAMESPACE = `invctl-test-${randomBytes(4).toString('hex')}`;
/**
 * The API logs in with its file, does not start with another token than the one that it knows, and listens where an
 * image of PostgreSQL is asked whether it lives.
 */
const COMPOSE = `name: ${NAMESPACE}
services:
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/db_password, POSTGRES_USER: me, POSTGRES_DB: shop}
    secrets: [db_password]
    expose: [5432]
    healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1], interval: 1s, start_period: 60s}
    stop_grace_period: 2s
  api:
    image: postgres:16
    command:
      - sh
      - -c
      - |
        grep -q known /run/secrets/token || { echo the token is unknown; exit 1; }
        exec perl -MIO::Socket::INET -e '$$s = IO::Socket::INET->new(Listen => 5, LocalPort => 5432); close $$c while $$c = $$s->accept'
    environment: {PGHOST: db, PGUSER: me, PGDATABASE: shop}
    secrets: [db_password, token]
    healthcheck:
      test: [CMD-SHELL, "PGPASSWORD=$$(cat /run/secrets/db_password) psql -c 'SELECT 1'"]
      interval: 2s
      timeout: 10s
      retries: 10
      start_period: 60s
    stop_grace_period: 1s
secrets: {db_password: {file: ./secrets/db_password.txt}, token: {file: ./secrets/token.txt}}
`;

// biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asks for.
type Any = any;

describe.skipIf(withoutPods())('secrets rotate --deployed, in a cluster', () => {
  let folder = '';
  let kubeContext = '';

  const file = (name = 'db_password') => join(folder, `secrets/${name}.txt`);
  const content = (name?: string) => readFileSync(file(name), 'utf8');
  const get = (...words: string[]): Any =>
    JSON.parse(kubectl('get', '-n', NAMESPACE, ...words, '-o', 'json').stdout || '{"items":[]}');
  const versions = (base: string): string[] =>
    get('secrets', '-l', `invctl.dev/secret=${base}`)
      .items.map(({ metadata }: Any) => metadata.name)
      .sort();
  const deployed = (workload: string, base: string): string | undefined =>
    get(...workload.split('/'))
      .spec.template.spec.volumes.map(({ secret }: Any) => secret?.secretName)
      .find((name?: string) => name?.startsWith(`${base}-v`));
  /** By the pod's own address: the image trusts 127.0.0.1. */
  const accepts = (password: string) =>
    podCluster
      .kubectlWith(
        `${password.trim()}\n`,
        ...['exec', '-i', '-n', NAMESPACE, 'db-0', '--', 'sh', '-c'],
        'IFS= read -r PGPASSWORD; export PGPASSWORD; psql -h $(hostname -i) -U me -d shop -qAtc "SELECT 1"',
      )
      .stdout.trim() === '1';
  async function run(args: string[], env: NodeJS.ProcessEnv = {}) {
    const { code, stdout, stderr } = await invctl([...args, '--json', '--verbose'], {
      cwd: folder,
      env: { ...environment, ...env },
    });
    for (const name of readdirSync(join(folder, 'secrets'))) {
      const value = readFileSync(join(folder, 'secrets', name), 'utf8').trim();
      expect(stdout + stderr).not.toContain(value);
      expect(stdout + stderr).not.toContain(Buffer.from(value).toString('base64').slice(0, 20));
    }
    const { data, error, warnings } = stdout === '' ? {} : JSON.parse(stdout);
    if (data && args[0] === 'secrets') expect(schemaErrors('secrets-rotate', JSON.parse(stdout))).toEqual([]);
    return { code, data, error, warnings, stderr } as {
      code: number | null;
      data: Any;
      error: Any;
      warnings: string[];
      stderr: string;
    };
  }
  const rotate = (env?: NodeJS.ProcessEnv, name: string[] = []) =>
    run(['secrets', 'rotate', '--deployed', ...name], env);
  /** The role, the file and the API's pods agree, and nothing is left of what was cut off. */
  async function agrees(): Promise<void> {
    expect(accepts(content())).toBe(true);
    // A pod that was asked while the role had another password is ready again with its next probe.
    await vi.waitFor(
      () => {
        const { spec, status, metadata } = get('deployment', 'api');
        expect([status.readyReplicas, status.updatedReplicas, status.observedGeneration]).toEqual([
          spec.replicas,
          spec.replicas,
          metadata.generation,
        ]);
      },
      { timeout: 20_000, interval: 500 },
    );
    const secret = get('secret', deployed('deployment/api', 'db-password') as string);
    expect(Buffer.from(secret.data.db_password, 'base64').toString()).toBe(content());
    expect(readdirSync(join(folder, 'secrets')).sort()).toEqual(['db_password.txt', 'token.txt']);
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'invctl-rotation-test-'));
    writeFileSync(join(folder, 'compose.yaml'), COMPOSE);
    mkdirSync(join(folder, 'secrets'));
    writeFileSync(file(), `first-${randomBytes(12).toString('hex')}`);
    writeFileSync(file('token'), `known-${randomBytes(12).toString('hex')}`);
    kubeContext = kubectl('config', 'current-context').stdout.trim();
    const { error } = await run(['deploy', 'k8s', '--timeout', '120']);
    expect(error).toBeUndefined();
  }, 180_000);

  afterAll(() => {
    kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it('changes the role, the file and the services; the database runs on, and nothing else is rolled out', async () => {
    const old = content();
    const pod = get('pod', 'db-0').metadata.uid;
    const { error, data, warnings } = await rotate();
    expect([error, data]).toEqual([
      undefined,
      expect.objectContaining({ secret: 'db_password', kind: 'password', recreated: ['api'] }),
    ]);
    expect(warnings).toEqual([
      '"db" runs on with the Secret that it began with; the next `invctl deploy k8s` gives it that of the new db_password, and starts its pod again, once',
    ]);
    await agrees();
    expect([content() === old, accepts(old), get('pod', 'db-0').metadata.uid]).toEqual([false, false, pod]);
    // The database's pod keeps the version that it began with until the next deployment.
    expect([deployed('deployment/api', 'db-password'), deployed('statefulset/db', 'db-password')]).toEqual([
      'db-password-v2',
      'db-password-v1',
    ]);
    const { data: next } = await run(['deploy', 'k8s', '--dry-run']);
    expect(next.objects.filter(({ action }: Any) => action !== 'unchanged')).toEqual([
      { kind: 'StatefulSet', name: 'db', action: 'change' },
    ]);
    // What an older pod names is kept, what nothing needs is not.
    await rotate();
    await rotate();
    expect(versions('db-password')).toEqual(['db-password-v1', 'db-password-v3', 'db-password-v4']);
    await agrees();
  }, 180_000);

  it('leaves all three as they were, or all changed, where it was killed', async () => {
    for (const [step, when, noted] of someOf(killsOf('secrets rotate'))) {
      const old = content();
      expect([step, when, (await rotate(killedAt(step, when))).code]).toEqual([step, when, null]);
      const { data, error } = await run(['recover']);
      const isDone = noted !== undefined && ['recreate', 'prove', 'clean'].includes(noted);
      expect([step, when, error, data?.recovered.map(({ outcome }: Any) => outcome)]).toEqual([
        step,
        when,
        undefined,
        noted === undefined ? [] : [isDone ? 'finished' : 'reverted'],
      ]);
      await agrees();
      expect([step, when, content() === old, accepts(old)]).toEqual([step, when, !isDone, !isDone]);
    }
  }, 600_000);

  it('is whole again after the API server went away in the middle of it', async () => {
    const old = content();
    const { env, cut } = await cuttableCluster(podCluster, folder);
    const newest = versions('db-password').length;
    const running = rotate(env);
    // The proxy is served by this process, which stands still while it asks.
    await vi.waitUntil(() => versions('db-password').length > newest, { timeout: 60_000, interval: 1500 });
    cut();
    const { code, error, stderr } = await running;
    expect([code, error.code, stderr]).toEqual([
      3,
      'KUBE_UNREACHABLE',
      expect.stringMatching(/not everything could be put back as it was .*invctl recover/),
    ]);
    expect((await rotate()).error.code).toBe('UNFINISHED_OPERATION');
    expect((await run(['recover'])).data.recovered[0].outcome).toBe('reverted');
    await agrees();
    expect(content()).toBe(old);
  }, 180_000);

  it('goes back where a service does not start with it, and says why', async () => {
    const [old, before] = [content('token'), versions('token')];
    const { code, error } = await rotate({}, ['token']);
    expect([code, error.code, error.message]).toEqual([
      6,
      'ROTATION_REVERTED',
      expect.stringContaining(
        'token was not rotated, everything is as it was before: api did not become ready',
      ),
    ]);
    expect(error.hint).toMatch(/^(?:kubectl|invctl) /);
    expect([content('token'), versions('token')]).toEqual([old, before]);
    await agrees();
  }, 400_000);

  it('changes nothing without the right to, with another file than the deployed one, or for another database', async () => {
    const old = content();
    const reader = await accountOf(podCluster, folder, {
      namespace: NAMESPACE,
      name: 'reader',
      role: 'view',
    });
    expect((await rotate(reader)).error).toMatchObject({
      code: 'KUBE_FORBIDDEN',
      hint: expect.stringContaining('auth can-i --list'),
    });
    expect([content(), accepts(old)]).toEqual([old, true]);

    writeFileSync(file(), 'of another machine');
    const { code, error } = await rotate();
    expect([code, error.code, accepts(old)]).toEqual([4, 'SECRET_NOT_AS_DEPLOYED', true]);
    const fetch = error.hint.split('fetch what is deployed: ')[1];
    execFileSync('sh', ['-c', fetch], { env: environment });
    expect(content()).toBe(old);

    const record = join(folder, '.invctl/cluster.json');
    const was = readFileSync(record, 'utf8');
    writeFileSync(record, JSON.stringify({ context: kubeContext, namespace: 'default' }));
    expect((await rotate()).error).toMatchObject({
      code: 'DATABASE_ELSEWHERE',
      hint: expect.stringContaining('invctl secrets set db_password'),
    });
    writeFileSync(record, was);
    expect((await rotate()).error).toBeUndefined();
    await agrees();
  }, 180_000);
});
