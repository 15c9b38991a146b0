import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../../src/engine/kubernetes/objects.js';
import { createPods } from '../../../../src/engine/kubernetes/pods.js';
import type { ProcessRunner, RunResult } from '../../../../src/system/process.js';

interface PodFields {
  name: string;
  owner?: string;
  containers?: string[];
  waiting?: string;
  isLeaving?: boolean;
  created?: string;
}

function pod({ name, owner = 'StatefulSet', containers = ['db'], waiting, ...more }: PodFields): KubeObject {
  const state = waiting === undefined ? { running: {} } : { waiting: { reason: waiting } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      ownerReferences: [{ kind: owner, name: 'db', uid: '1' }],
      creationTimestamp: more.created ?? '2026-11-30T00:00:00Z',
      ...(more.isLeaving ? { deletionTimestamp: '2026-11-30T00:01:00Z' } : {}),
    },
    spec: { containers: containers.map((one) => ({ name: one })) },
    status: {
      phase: 'Running',
      containerStatuses: containers.map((one) => ({ name: one, restartCount: 0, ready: true, state })),
    },
  };
}

/** Pods as kubectl lists them, and what it says to `exec`. */
function podsOf(listed: readonly KubeObject[], said: Partial<RunResult> = {}) {
  const ran: string[][] = [];
  const run = async (_program: string, args: readonly string[]): Promise<RunResult> => {
    const words = [...args];
    const common = { argv: ['kubectl', ...words], status: 0, signal: null, stdout: '', stderr: '' };
    if (words.includes('get')) {
      const isOfOperator = words.some((word) => word.includes('cnpg.io/cluster='));
      const items = listed.filter(({ metadata }) => (metadata.labels !== undefined) === isOfOperator);
      return { ...common, stdout: JSON.stringify({ items }) };
    }
    ran.push(words);
    return { ...common, ...said } as RunResult;
  };
  const pods = createPods({
    processes: { run } as unknown as ProcessRunner,
    signal: new AbortController().signal,
    target: { context: 'staging', namespace: 'shop' },
    objectName: (name) => name,
  });
  return { ran, pipe: () => pods.pipe('db', ['pg_dump'], {}) };
}

const failureOf = async (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    ({ code, message, hint, exitCode }) => ({ code, message, hint, exitCode }),
  );
const KUBECTL = 'kubectl --context staging --namespace shop';

describe('programs in the pods of a service', () => {
  it('run in its own container of the newest pod that runs and stays', async () => {
    const { ran, pipe } = podsOf([
      pod({ name: 'leaves', owner: 'ReplicaSet', created: '2026-11-30T03:00:00Z', isLeaving: true }),
      pod({
        name: 'crashes',
        owner: 'ReplicaSet',
        created: '2026-11-30T02:00:00Z',
        waiting: 'CrashLoopBackOff',
      }),
      pod({
        name: 'runs',
        owner: 'ReplicaSet',
        created: '2026-11-30T01:00:00Z',
        containers: ['proxy', 'db'],
      }),
      pod({ name: 'old', owner: 'ReplicaSet' }),
    ]);
    await pipe();
    expect(ran[0]).toEqual(expect.arrayContaining(['exec', 'runs', '--container=db', 'pg_dump']));
  });

  it('are refused where several pods have data of their own', async () => {
    const { ran, pipe } = podsOf([pod({ name: 'db-1' }), pod({ name: 'db-0' })]);
    expect(await failureOf(pipe())).toMatchObject({
      code: 'SEVERAL_DATABASES',
      message: expect.stringContaining('2 pods (db-0, db-1)'),
      hint: expect.stringContaining(`${KUBECTL} scale statefulset/db --replicas=1 `),
    });
    expect(ran).toEqual([]);
  });

  it('name why no pod runs, or who else runs it', async () => {
    expect(
      await failureOf(podsOf([pod({ name: 'db-0', waiting: 'ImagePullBackOff' })]).pipe()),
    ).toMatchObject({
      code: 'SERVICE_NOT_RUNNING',
      message: 'the pod db-0 of "db" does not run: ImagePullBackOff',
      hint: `${KUBECTL} describe pod db-0`,
    });
    expect(await failureOf(podsOf([]).pipe())).toMatchObject({
      code: 'SERVICE_NOT_RUNNING',
      hint: `${KUBECTL} get pods`,
    });
    const operated = pod({ name: 'db-cluster-1' });
    operated.metadata.labels = { 'cnpg.io/cluster': 'db-cluster' };
    expect(await failureOf(podsOf([operated]).pipe())).toMatchObject({
      code: 'DATABASE_OF_OPERATOR',
      hint: expect.stringContaining(`${KUBECTL} cnpg backup db-cluster `),
    });
  });

  it('return their status; what kubectl says itself is an error with the next command', async () => {
    const one = [pod({ name: 'db-0' })];
    const own = { status: 1, stderr: 'pg_dump: error: no\ncommand terminated with exit code 1\n' };
    expect(await podsOf(one, own).pipe()).toMatchObject({ status: 1, stderr: 'pg_dump: error: no\n' });
    const absent = {
      status: 1,
      stderr: 'error: … exec: "pg_dump": executable file not found in $PATH: unknown\n',
    };
    expect(await podsOf(one, absent).pipe()).toMatchObject({ status: 127, stderr: absent.stderr });

    const said = async (stderr: string, status: number | null = 1) =>
      failureOf(podsOf(one, { status, stderr }).pipe());
    expect(
      await said(
        'Error from server (Forbidden): pods "db-0" is forbidden: User "me" cannot create resource "pods/exec"',
      ),
    ).toMatchObject({
      code: 'KUBE_FORBIDDEN',
      hint: expect.stringContaining(`${KUBECTL} auth can-i --list`),
    });
    expect(await said('error: unable to upgrade connection: container not found ("db")')).toMatchObject({
      code: 'POD_GONE',
      exitCode: 3,
      message: expect.stringContaining('container not found ("db")'),
      hint: `${KUBECTL} get pods, then the same command again`,
    });
    expect(await said('Error from server (NotFound): pods "db-0" not found')).toMatchObject({
      code: 'POD_GONE',
    });
    expect(
      await said('Error from server: error dialing backend: dial tcp 10.0.0.7:10250: i/o timeout'),
    ).toMatchObject({
      code: 'KUBE_NODE_UNREACHABLE',
      message: expect.stringContaining('10.0.0.7:10250'),
    });
    expect(await said('error: unexpected EOF')).toMatchObject({ code: 'KUBE_UNREACHABLE' });
    expect(await said('', null)).toMatchObject({ code: 'POD_GONE', exitCode: 3 });
  });
});

describe('a restart of a service', () => {
  /** What the API server says of the deployment, look by look; the last stays. */
  async function restarted(...looks: { generation: number; status: object }[]): Promise<string> {
    const ran: string[] = [];
    const run = async (_program: string, args: readonly string[]): Promise<RunResult> => {
      const common = { argv: ['kubectl', ...args], status: 0, signal: null, stdout: '', stderr: '' };
      if (args.includes('rollout')) ran.push('restart');
      if (args.includes('pod'))
        return {
          ...common,
          stdout: JSON.stringify({ items: [pod({ name: 'api-1', owner: 'ReplicaSet' })] }),
        };
      if (!args.includes('get')) return common;
      ran.push('look');
      const { generation, status } = (looks.length > 1 ? looks.shift() : looks[0]) as (typeof looks)[number];
      const metadata = { name: 'api', generation };
      return {
        ...common,
        stdout: JSON.stringify({ kind: 'Deployment', metadata, spec: { replicas: 1 }, status }),
      };
    };
    const { restart } = createPods({
      processes: { run } as unknown as ProcessRunner,
      signal: new AbortController().signal,
      target: { context: 'staging', namespace: 'shop' },
      objectName: (name) => name,
    });
    const failure = await failureOf(restart(['api']));
    return [...ran, failure ? `${failure.code} ${failure.exitCode}` : 'ready'].join(', ');
  }
  const old = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
  const surge = { observedGeneration: 2, replicas: 2, updatedReplicas: 1, availableReplicas: 1 };
  const done = { observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 };

  it('is over when the new pod alone is ready, not while the controller has not seen it', async () => {
    const looks = [old, surge, done].map((status) => ({ generation: 2, status }));
    expect(await restarted(...looks)).toBe('restart, look, look, look, ready');
  });

  it('fails with a pod that does not get ready, beside the old one that is', async () => {
    const late = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' };
    expect(
      await restarted(
        { generation: 2, status: old },
        { generation: 2, status: { ...surge, conditions: [late] } },
      ),
    ).toBe('restart, look, look, NOT_HEALTHY 6');
  });
});
