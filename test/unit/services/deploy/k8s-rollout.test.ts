import { describe, expect, it } from 'vitest';
import type { Cluster } from '../../../../src/engine/kubernetes/cluster.js';
import { explainKubectlError } from '../../../../src/engine/kubernetes/errors.js';
import type { KubeObject } from '../../../../src/engine/kubernetes/objects.js';
import { progressOf } from '../../../../src/engine/kubernetes/progress.js';
import { CommandError, UserError } from '../../../../src/errors.js';
import type { CauseFinder } from '../../../../src/services/deploy/evidence.js';
import { explainKubeFailure } from '../../../../src/services/deploy/k8s-causes.js';
import { awaitKubeRollout } from '../../../../src/services/deploy/k8s-rollout.js';
import { withVersions } from '../../../../src/services/deploy/k8s-secrets.js';

const deployment = (status: object, spec: object = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'api', uid: 'd', generation: 2, labels: { 'app.kubernetes.io/component': 'api' } },
  spec: { replicas: 2, selector: { matchLabels: { app: 'api' } }, ...spec },
  status,
});
const READY = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 };

describe('a workload is ready', () => {
  it.each([
    ['all of the new version, and none of the old', READY, true],
    ['its controller has not seen it', { ...READY, observedGeneration: 1 }, false],
    ['a pod of the old version is there still', { ...READY, replicas: 3 }, false],
    ['half of the pods are new', { ...READY, updatedReplicas: 1 }, false],
    ['a new pod is not ready', { ...READY, availableReplicas: 1 }, false],
    ['there is no status yet', {}, false],
  ])('%s', (_, status, ready) => {
    expect(progressOf(deployment(status)).ready).toBe(ready);
  });

  it('or fails, by what its controller says of this version alone', () => {
    const late = {
      type: 'Progressing',
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: 'late',
    };
    const quota = { type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: small' };
    const of = (status: object) => progressOf(deployment(status)).failure?.reason;
    expect(of({ observedGeneration: 2, conditions: [late] })).toBe('deadline');
    expect(of({ observedGeneration: 2, conditions: [quota] })).toBe('refused');
    expect(of({ observedGeneration: 1, conditions: [late, quota] })).toBeUndefined();
    expect(of({ ...READY, conditions: [late] })).toBeUndefined();
    const job: KubeObject = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j' }, spec: {} };
    expect(progressOf({ ...job, status: { succeeded: 1 } }).ready).toBe(true);
    const failed = { conditions: [{ type: 'Failed', status: 'True', message: 'BackoffLimitExceeded' }] };
    expect(progressOf({ ...job, status: failed }).failure?.message).toBe('BackoffLimitExceeded');
  });
});

const pod = (status: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'api-1', uid: 'p', labels: { app: 'api' } },
  spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
  status,
});
const waiting = (reason: string, message = '', more: object = {}) =>
  pod({
    containerStatuses: [
      { name: 'api', ready: false, restartCount: 0, state: { waiting: { reason, message } }, ...more },
    ],
  });

/** A cluster whose objects stay as they are. */
function clusterOf(lists: Record<string, KubeObject[]>, logs: string[] = []): Cluster {
  return {
    target: { namespace: 'shop' },
    existing: async () => lists.deployment ?? [],
    list: async (kind: string) => lists[kind] ?? [],
    logs: async () => logs,
  } as unknown as Cluster;
}

describe('a rollout', () => {
  const input = { timeoutMs: 0, signal: new AbortController().signal, onEvent: () => {} };

  it('ends with what is there, what is late, what crashes and what is gone', async () => {
    const reasons = async (lists: Record<string, KubeObject[]>) =>
      (await awaitKubeRollout(clusterOf(lists), [deployment({})], input)).failures.map(
        ({ reason }) => reason,
      );
    expect(await reasons({ deployment: [deployment(READY)] })).toEqual([]);
    expect(await reasons({ deployment: [deployment({})] })).toEqual(['timeout']);
    expect(await reasons({ deployment: [] })).toEqual(['failed']);
  });

  it('is judged by the pods of the version that is to run, not by one before that crashes', async () => {
    const reasons = async (hash: string) => {
      const crashing = waiting('CrashLoopBackOff', '', { restartCount: 3 });
      crashing.metadata.labels = { app: 'api', 'pod-template-hash': hash };
      const set = (revision: string, own: string): KubeObject => ({
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: {
          name: `api-${own}`,
          labels: { 'pod-template-hash': own },
          annotations: { 'deployment.kubernetes.io/revision': revision },
          ownerReferences: [{ kind: 'Deployment', name: 'api', uid: 'd' }],
        },
      });
      const object = deployment({});
      object.metadata.annotations = { 'deployment.kubernetes.io/revision': '2' };
      const lists = { deployment: [object], pod: [crashing], replicaset: [set('1', 'old'), set('2', 'new')] };
      return (await awaitKubeRollout(clusterOf(lists), [object], input)).failures.map(({ reason }) => reason);
    };
    expect([await reasons('new'), await reasons('old')]).toEqual([['crashing'], ['timeout']]);
  });
});

describe('the cause of a failure', () => {
  const explain = async (
    lists: Record<string, KubeObject[]>,
    message = 'late',
    log: string[] = [],
    findCause: CauseFinder = () => undefined,
  ) => {
    const failure = { object: deployment({}), reason: 'timeout' as const, message };
    return explainKubeFailure(clusterOf(lists, log), failure, findCause, ['hunter2secret']);
  };
  const event = (kind: string, name: string, message: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e' },
    involvedObject: { kind, name },
    reason: 'Why',
    type: 'Warning',
    message,
  });

  it.each<[string, Record<string, KubeObject[]>, string]>([
    [
      'an image that is nowhere',
      { pod: [waiting('ImagePullBackOff', 'Back-off pulling image "shop/api:9"')] },
      'cannot pull its image shop/api:9',
    ],
    [
      'a registry with a login',
      { pod: [waiting('ErrImagePull', 'pull access denied: unauthorized "x"')] },
      'the registry demands a login',
    ],
    [
      'another processor',
      { pod: [waiting('CrashLoopBackOff', 'exec format error')] },
      'for another processor',
    ],
    [
      'a secret that is not there',
      { pod: [waiting('CreateContainerConfigError', 'secret "word" not found')] },
      'the secret word that it needs is not there',
    ],
    [
      'root where none may be',
      {
        pod: [waiting('CreateContainerConfigError', 'container has runAsNonRoot and image will run as root')],
      },
      'demands a user that is not root',
    ],
    [
      'memory',
      {
        pod: [
          waiting('CrashLoopBackOff', '', {
            lastState: { terminated: { reason: 'OOMKilled', exitCode: 137 } },
          }),
        ],
      },
      'needs more memory than its limit',
    ],
    [
      'no room',
      {
        pod: [
          pod({
            conditions: [
              {
                type: 'PodScheduled',
                status: 'False',
                message: '0/3 nodes are available: 3 Insufficient cpu.',
              },
            ],
          }),
        ],
      },
      'no node has room for it',
    ],
    [
      'no storage class, by the claim rather than by the pod that waits for it',
      {
        pod: [
          pod({
            conditions: [
              {
                type: 'PodScheduled',
                status: 'False',
                message: '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
              },
            ],
          }),
        ],
        pvc: [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } }],
        event: [
          event(
            'PersistentVolumeClaim',
            'data',
            'no persistent volumes available for this claim and no storage class is set',
          ),
        ],
      },
      'no default storage class',
    ],
    [
      'a level of pod security',
      {
        event: [
          event(
            'Deployment',
            'api',
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
          ),
        ],
      },
      'the namespace allows restricted:latest pods alone',
    ],
  ])('is %s', async (_, lists, message) => {
    expect((await explain(lists)).cause?.message).toContain(message);
  });

  it('is another processor rather than a build that would make the same image again', async () => {
    const crashed = waiting('CrashLoopBackOff', 'back-off', {
      lastState: { terminated: { reason: 'Error', exitCode: 1 } },
    });
    const rebuild = { message: 'it is broken', next: 'invctl build --no-cache' };
    const { cause } = await explain(
      { pod: [crashed] },
      'it keeps crashing',
      ['exec /app: exec format error'],
      () => rebuild,
    );
    expect(cause?.next).toContain('docker buildx build --platform');
  });

  it('is a volume that its user may not write into, whatever its claim waited for before', async () => {
    const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } };
    const unbound = 'no persistent volumes available for this claim and no storage class is set';
    const scheduled = event('Pod', 'api-1', 'pod has unbound immediate PersistentVolumeClaims');
    const found = await explain(
      {
        pod: [
          waiting('CrashLoopBackOff', 'back-off', {
            lastState: { terminated: { reason: 'Error', exitCode: 1 } },
          }),
        ],
        pvc: [{ ...claim, status: { phase: 'Bound' } }],
        event: [
          event('PersistentVolumeClaim', 'data', unbound),
          { ...scheduled, reason: 'FailedScheduling' },
        ],
      },
      'it keeps crashing',
      ['initdb: error: could not create directory "/var/lib/postgresql/data/pgdata": Permission denied'],
    );
    expect(found.cause?.message).toContain('may not write into its volume');
  });

  it('shows no secret of the project, whoever repeats it', async () => {
    const found = await explain({ pod: [waiting('CrashLoopBackOff', 'bad word hunter2secret')] }, 'late', [
      'login with hunter2secret',
    ]);
    expect(JSON.stringify(found)).not.toContain('hunter2secret');
  });
});

it('gives pods the version of a secret, wherever they name it', () => {
  const spec = {
    volumes: [
      { name: 'a', secret: { secretName: 'word' } },
      { name: 'b', secret: { secretName: 'theirs' } },
    ],
    containers: [{ envFrom: [{ configMapRef: { name: 'word' } }, { secretRef: { name: 'word' } }] }],
  };
  const secret = { base: 'word', name: 'word-v3', version: 3, keys: [], state: 'kept' as const, content: {} };
  const before = deployment({}, { template: { spec } });
  const [after] = withVersions([before], [secret]);
  expect(after?.spec?.template?.spec).toEqual({
    volumes: [
      { name: 'a', secret: { secretName: 'word-v3' } },
      { name: 'b', secret: { secretName: 'theirs' } },
    ],
    containers: [{ envFrom: [{ configMapRef: { name: 'word' } }, { secretRef: { name: 'word-v3' } }] }],
  });
  expect(before.spec?.template?.spec).toBe(spec);
});

it.each([
  ['error: context "x" does not exist', 'KUBE_CONTEXT_UNKNOWN', 3],
  ['error: You must be logged in to the server (Unauthorized)', 'KUBE_LOGIN_EXPIRED', 3],
  [
    'Unable to connect to the server: x509: certificate has expired or is not yet valid',
    'KUBE_LOGIN_EXPIRED',
    3,
  ],
  [
    'The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?',
    'KUBE_UNREACHABLE',
    3,
  ],
  ['Unable to connect to the server: dial tcp: lookup nowhere: no such host', 'KUBE_UNREACHABLE', 3],
  [
    'Error from server (Forbidden): secrets is forbidden: User "r" cannot list resource "secrets"',
    'KUBE_FORBIDDEN',
    1,
  ],
  [
    'Error from server (Forbidden): pods "x" is forbidden: exceeded quota: small, requested: pods=1',
    'KUBE_QUOTA',
    1,
  ],
  [
    'Error from server (InternalError): error when creating "STDIN": Internal error occurred: failed calling webhook "policy.example.com": Post "https://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
    'MANIFEST_REFUSED',
    1,
  ],
  [
    'Error from server: error when creating "STDIN": admission webhook "policy.example.com" denied the request: no owner label',
    'MANIFEST_REFUSED',
    1,
  ],
  [
    'error: Apply failed with 1 conflict: conflict with "hpa" using apps/v1: .spec.replicas',
    'KUBE_CONFLICT',
    1,
  ],
  [
    'error: unable to recognize "-": no matches for kind "Cluster" in version "postgresql.cnpg.io/v1"',
    'KUBE_KIND_UNKNOWN',
    1,
  ],
])('knows what kubectl means by "%s"', (stderrTail, code, exitCode) => {
  const error = explainKubectlError(
    new CommandError({ argv: ['kubectl'], status: 1, signal: null, stderrTail }),
  );
  expect(error).toBeInstanceOf(UserError);
  expect([(error as UserError).code, (error as UserError).exitCode]).toEqual([code, exitCode]);
});
