import { PassThrough, type Readable } from 'node:stream';
import { UserError } from '../../errors.js';
import { readProject } from '../../project/read.js';
import type { ProcessRunner } from '../../system/process.js';
import { isSecretName } from '../../system/secret.js';
import { containerDatabase } from '../compose/database-access.js';
import type { Engine, ExecOptions, PipeOptions, PipeResult } from '../engine.js';
import type { ServiceStatus } from '../service-status.js';
import * as argv from './argv.js';
import { createCluster, type KubeObject } from './cluster.js';
import { explainKubectlError } from './errors.js';

const COMPONENT = 'app.kubernetes.io/component';
/** The note that kubectl adds to the output of a program that failed. */
const EXIT_NOTE = /^command terminated with exit code \d+\n?/gm;

export interface KubernetesEngineDependencies {
  processes: ProcessRunner;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  target: argv.Target;
  /** Returns the name of a service's objects. */
  objectName: (service: string) => string;
}

/**
 * An engine for the services of a project that is deployed to a cluster. Commands that work in a service's
 * container, or ask its database, use its newest pod through `kubectl exec`. It builds and deploys nothing.
 */
export function createKubernetesEngine({
  processes,
  env,
  signal,
  target,
  objectName,
}: KubernetesEngineDependencies): Engine {
  const cluster = createCluster(processes, target, signal);
  const podsOf = async (service: string) =>
    (await cluster.list('pod', `${COMPONENT}=${objectName(service)}`)).sort((a, b) =>
      String(b.metadata.creationTimestamp).localeCompare(String(a.metadata.creationTimestamp)),
    );

  async function runningPod(service: string): Promise<{ pod: string; container: string }> {
    const pod = (await podsOf(service)).find(({ status }) => status?.phase === 'Running');
    if (pod) return { pod: pod.metadata.name, container: pod.spec.containers[0].name };
    throw new UserError({
      code: 'SERVICE_NOT_RUNNING',
      message: `no pod of "${service}" runs in the namespace ${target.namespace}`,
      hint: `kubectl --namespace ${target.namespace} get pods`,
    });
  }

  async function pipe(
    service: string,
    command: readonly string[],
    { env: variables = {}, input, output, signal: own }: PipeOptions,
  ): Promise<PipeResult> {
    const { pod, container } = await runningPod(service);
    const told = withEnvironment(command, variables, input);
    try {
      const { status, stdout, stderr } = await processes.run(
        'kubectl',
        argv.exec(target, pod, container, told.command),
        {
          allowFailure: true,
          ownSession: true,
          signal: own ?? signal,
          ...(told.input === undefined ? {} : { input: told.input }),
          ...(output ? { output } : {}),
        },
      );
      return { status, stdout, stderr: stderr.replace(EXIT_NOTE, '') };
    } catch (error) {
      throw explainKubectlError(error);
    }
  }

  async function exec(service: string, command: readonly string[], options: ExecOptions): Promise<number> {
    const { pod, container } = await runningPod(service);
    const words = argv.exec(target, pod, container, command, { tty: options.tty ?? false });
    const { stdin, stdout } = options;
    return processes.passThrough('kubectl', words, {
      ...(stdin ? { stdin } : {}),
      ...(stdout ? { stdout } : {}),
    });
  }

  const lacking = (what: string) => async (): Promise<never> => {
    throw new UserError({
      code: 'NOT_IN_CLUSTER',
      message: `invctl cannot ${what} in a cluster`,
      hint: `kubectl --namespace ${target.namespace} --help`,
    });
  };

  return {
    kind: 'docker',
    info: async () => ({ kind: 'docker', version: 'kubectl', notices: [] }),
    resolve: async (location) => (await readProject(location, env)).project,
    async status(location) {
      const { project } = await readProject(location, env);
      return Promise.all(
        Object.keys(project.services).map(async (name) => statusOf(name, await podsOf(name))),
      );
    },
    pipe: (_location, service, command, options) => pipe(service, command, options),
    exec: (_location, service, command, options) => exec(service, command, options),
    database: (location, service) =>
      containerDatabase(
        {
          pipe: (_, name, command, options) => pipe(name, command, options),
          exec: (_, name, command, options) => exec(name, command, options),
        },
        location,
        service,
      ),
    async restart(_location, services) {
      for (const service of services) {
        const [pod] = await podsOf(service);
        const kind =
          pod?.metadata.ownerReferences?.[0]?.kind === 'StatefulSet' ? 'statefulset' : 'deployment';
        await processes.run('kubectl', argv.restart(target, `${kind}/${objectName(service)}`));
      }
    },
    // The controller restarts a pod that ended.
    async up(location, { services }) {
      const { project } = await readProject(location, env);
      const wanted = services.length > 0 ? services : Object.keys(project.services);
      for (const service of wanted) await runningPod(service);
      return { services: [], seconds: {}, failed: [], unchanged: [...wanted], outdated: [] };
    },
    build: lacking('build'),
    down: lacking('take a project down'),
    stop: lacking('stop a service'),
    start: lacking('start a service'),
    remove: lacking('remove a service'),
    // biome-ignore lint/correctness/useYield: an iteration that fails as it begins.
    async *logs() {
      await lacking('follow logs')();
    },
    run: lacking('run a one-off container'),
    forward: lacking('forward a port'),
    portOwner: async () => undefined,
    inspect: lacking('inspect a service'),
    imageEnvironments: async () => new Map(),
    environments: async () => new Map(),
    networks: async () => [],
    volumes: async () => [],
    removeVolume: lacking('remove a volume'),
  };
}

function statusOf(name: string, pods: readonly KubeObject[]): ServiceStatus {
  const ready = ({ status }: KubeObject) =>
    status?.conditions?.some(
      ({ type, status: is }: { type: string; status: string }) => type === 'Ready' && is === 'True',
    ) === true;
  // During a rollout, pods that are being removed are still ready.
  const [newest] = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const all =
    pods.length > 0 && pods.every((pod) => ready(pod) && pod.metadata.deletionTimestamp === undefined);
  return {
    name,
    state: newest === undefined ? 'absent' : newest.status?.phase === 'Running' ? 'running' : 'restarting',
    health: all ? 'healthy' : 'starting',
    restarts: 0,
    ports: [],
  };
}

/**
 * `kubectl exec` has no flag for variables, and every user of the machine can read its command line. So
 * secrets come first on standard input, one per line, which `read` takes byte by byte; the rest of the input
 * follows.
 */
function withEnvironment(
  command: readonly string[],
  variables: Readonly<Record<string, string>>,
  input: string | Readable | undefined,
): { command: string[]; input: string | Readable | undefined } {
  const entries = Object.entries(variables);
  const secret = entries.filter(([name]) => isSecretName(name));
  const open = entries.filter(([name]) => !isSecretName(name)).map(([name, value]) => `${name}=${value}`);
  const plain = open.length > 0 ? ['env', ...open, ...command] : [...command];
  if (secret.length === 0) return { command: plain, input };
  const reads = secret.map(([name]) => `IFS= read -r ${name}; export ${name}`).join('; ');
  const prefix = secret.map(([, value]) => `${value}\n`).join('');
  return { command: ['sh', '-c', `${reads}; exec "$@"`, 'sh', ...plain], input: prefixed(prefix, input) };
}

function prefixed(prefix: string, input: string | Readable | undefined): string | Readable {
  if (input === undefined || typeof input === 'string') return `${prefix}${input ?? ''}`;
  const whole = new PassThrough();
  whole.write(prefix);
  input.on('error', (error) => whole.destroy(error));
  input.pipe(whole);
  return whole;
}
