import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { invctl } from '../../support/cli.js';
import { clusterEnvironment, kubectl, withoutCluster } from '../../support/export/cluster.js';
import { playKubelet } from '../../support/export/played-kubelet.js';

const NAMESPACE = `invctl-test-${randomBytes(4).toString('hex')}`;
const COMPOSE = `name: ${NAMESPACE}
services:
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD_FILE: /run/secrets/db_password}
    secrets: [db_password]
  api:
    image: shop/api:1
    secrets: [db_password, token]
secrets: {db_password: {file: ./secrets/db_password.txt}, token: {file: ./secrets/token.txt}}
`;

// biome-ignore lint/suspicious/noExplicitAny: each test knows the shape that it asks for.
type Any = any;

describe.skipIf(withoutCluster)('a project that another machine deployed to a cluster', () => {
  const folders: string[] = [];
  let pipeline = '';
  let clone = '';
  let context = '';
  let kubelet: ReturnType<typeof playKubelet>;

  /** The files that the repository has, and secrets of that machine. */
  async function machine(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'invctl-elsewhere-test-'));
    folders.push(folder);
    writeFileSync(join(folder, 'compose.yaml'), COMPOSE);
    for (const name of ['secrets', 'k8s']) mkdirSync(join(folder, name));
    for (const name of ['db_password', 'token'])
      writeFileSync(join(folder, `secrets/${name}.txt`), `${name}-${randomBytes(9).toString('hex')}`);
    return folder;
  }
  async function run(cwd: string, args: string[]): Promise<{ code: number | null; data: Any; error: Any }> {
    const { code, stdout } = await invctl([...args, '--json'], { cwd, env: { ...clusterEnvironment } });
    const { data, error } = JSON.parse(stdout);
    return { code, data, error };
  }
  const get = (...words: string[]): Any =>
    JSON.parse(kubectl('get', '-n', NAMESPACE, ...words, '-o', 'json').stdout);
  const orchestration = async (cwd: string): Promise<Any> =>
    (await run(cwd, ['doctor', '--production', '--only', 'prod.orchestration'])).data.checks[0];
  const secretsOf = (workload: string): string[] =>
    get(...workload.split('/')).spec.template.spec.volumes.flatMap(
      ({ secret }: Any) => secret?.secretName ?? [],
    );

  beforeAll(async () => {
    [pipeline, clone] = [await machine(), await machine()];
    context = kubectl('config', 'current-context').stdout.trim();
    kubelet = playKubelet(NAMESPACE, () => 'ready');
    expect((await run(pipeline, ['deploy', 'k8s'])).error).toBeUndefined();
  }, 60_000);

  afterAll(async () => {
    await kubelet?.stop();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    if (!withoutCluster) kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
  });

  it('is not acted on until a person has said that it is the one; every command says how', async () => {
    const remember = `invctl deploy k8s --context ${context} --namespace ${NAMESPACE} --remember`;
    for (const words of [
      ['db', 'backup'],
      ['db', 'list'],
      ['secrets', 'rotate'],
    ]) {
      expect((await run(clone, [...words, '--deployed'])).error).toMatchObject({
        code: 'DEPLOYMENT_UNKNOWN',
        hint: expect.stringContaining(remember),
      });
    }
    expect(await orchestration(clone)).toMatchObject({
      outcome: 'unknown',
      reason: expect.stringContaining(remember),
    });

    const elsewhere = await run(clone, ['deploy', 'k8s', '--remember', '--namespace', 'default']);
    expect(elsewhere.error).toMatchObject({
      code: 'NOT_DEPLOYED',
      hint: `invctl deploy k8s --namespace ${NAMESPACE} --remember`,
    });
    const nowhere = await run(clone, ['deploy', 'k8s', '--remember', '--context', 'nowhere']);
    expect([nowhere.code, nowhere.error.code]).toEqual([3, 'KUBE_CONTEXT_UNKNOWN']);

    const before = get('deployments,statefulsets,secrets').items;
    const known = await run(clone, remember.split(' ').slice(1));
    expect(known.data.objects.map(({ kind, name }: Any) => `${kind}/${name}`)).toEqual([
      'Deployment/api',
      'StatefulSet/db',
    ]);
    expect(get('deployments,statefulsets,secrets').items).toEqual(before);
    expect((await orchestration(clone)).outcome).not.toBe('unknown');
    expect((await run(clone, ['db', 'list', '--deployed'])).data.backups).toEqual([]);
  });

  it('is another one where the context leads to another cluster, and nothing is done there', async () => {
    const record = join(clone, '.invctl/cluster.json');
    const was = readFileSync(record, 'utf8');
    writeFileSync(record, JSON.stringify({ ...JSON.parse(was), uid: 'of-another-cluster' }));
    for (const words of [
      ['db', 'backup', '--deployed'],
      ['db', 'restore', 'x.dump', '--deployed', '--yes'],
      ['secrets', 'rotate', '--deployed'],
    ]) {
      expect((await run(clone, words)).error).toMatchObject({
        code: 'ANOTHER_CLUSTER',
        hint: expect.stringContaining(`--namespace ${NAMESPACE} --remember`),
      });
    }
    expect((await orchestration(clone)).reason).toContain('is not the one that the project was deployed to');
    writeFileSync(record, was);
  });

  it('has its secrets rotated by the machine that deploys it alone; a person’s other changes stay', async () => {
    const { code, error } = await run(clone, ['secrets', 'rotate', 'token', '--deployed']);
    expect([code, error.code]).toEqual([4, 'SECRET_NOT_AS_DEPLOYED']);
    kubectl('scale', '-n', NAMESPACE, 'deployment/api', '--replicas=3');
    const old = readFileSync(join(pipeline, 'secrets/token.txt'), 'utf8');
    const rotated = await run(pipeline, ['secrets', 'rotate', 'token', '--deployed']);
    expect([rotated.error, rotated.data.recreated]).toEqual([undefined, ['api']]);
    const value = readFileSync(join(pipeline, 'secrets/token.txt'), 'utf8');
    const { data } = get('secret', 'token-v2');
    expect([value === old, Buffer.from(data.token, 'base64').toString()]).toEqual([false, value]);
    expect(secretsOf('deployment/api')).toEqual(['db-password-v1', 'token-v2']);
    expect([secretsOf('statefulset/db'), get('deployment', 'api').spec.replicas]).toEqual([
      ['db-password-v1'],
      3,
    ]);
    const { data: next } = await run(pipeline, ['deploy', 'k8s', '--dry-run', '--take-over']);
    expect(next.secrets.map(({ name, state }: Any) => [name, state])).toEqual([
      ['db-password-v1', 'kept'],
      ['token-v2', 'kept'],
    ]);
  }, 90_000);
});
