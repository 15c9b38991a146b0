import { PassThrough, type Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { CommandError, ExitCode, UserError } from '../../errors.js';
import { outputTail } from '../../system/argv.js';
import type { ProcessRunner, RunResult } from '../../system/process.js';
import { isSecretName } from '../../system/secret.js';
import { failedCommand } from '../compose/docker.js';
import type { ExecOptions, PipeOptions, PipeResult } from '../engine.js';
import * as argv from './argv.js';
import { createCluster } from './cluster.js';
import { explainKubectlError } from './errors.js';
import type { KubeObject } from './objects.js';
import { progressOf } from './progress.js';

const COMPONENT = 'app.kubernetes.io/component';
/** The note that kubectl adds to the output of a program that failed. Without it kubectl failed itself. */
const EXIT_NOTE = /^command terminated with exit code \d+\n?/m;
/** Containers' runtimes about a program that is not there. */
const MISSING = /executable file not found/;
/** A shell's exit status for a program that is not there. */
const NOT_FOUND = 127;
/** As long as an engine waits for the services of a database to be healthy. */
const RESTART_MS = 120_000;
const POLL_MS = 500;

/** The pods of the services in a namespace; programs run in the service's container of the newest one that runs. */
export interface Pods {
  /** Newest first. */
  of(service: string): Promise<KubeObject[]>;
  /** @throws UserError SERVICE_NOT_RUNNING, SEVERAL_DATABASES, DATABASE_OF_OPERATOR */
  running(service: string): Promise<{ pod: string; container: string }>;
  /**
   * Runs a program and returns its status, whatever that is.
   * @throws UserError of {@link running}, of kubectl and the API server, POD_GONE (exit 3) where the connection into
   * the pod ended
   */
  pipe(service: string, command: readonly string[], options: PipeOptions): Promise<PipeResult>;
  exec(service: string, command: readonly string[], options: ExecOptions): Promise<number>;
  /**
   * Has the pods of services replaced, and waits until the new ones are ready.
   * @throws UserError NOT_HEALTHY (exit 6), of kubectl and the API server
   */
  restart(services: readonly string[]): Promise<void>;
}

export interface PodDependencies {
  processes: ProcessRunner;
  signal: AbortSignal;
  target: argv.ClusterTarget;
  /** Returns the name of a service's objects. */
  objectName: (service: string) => string;
}

export function createPods({ processes, signal, target, objectName }: PodDependencies): Pods {
  const cluster = createCluster(processes, target, signal);
  const podsOf = async (service: string) =>
    (await cluster.list('pod', `${COMPONENT}=${objectName(service)}`)).sort((a, b) =>
      String(b.metadata.creationTimestamp).localeCompare(String(a.metadata.creationTimestamp)),
    );

  async function running(service: string): Promise<{ pod: string; container: string }> {
    const pods = (await podsOf(service)).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    if (pods.length > 1 && pods.every(hasDataOfItsOwn)) throw severalData(service, pods);
    const found = pods.find((pod) => isUp(pod, containerOf(pod, objectName(service))));
    const container = found && containerOf(found, objectName(service));
    if (found && container) return { pod: found.metadata.name, container };
    throw await notRunning(service, pods[0]);
  }

  function severalData(service: string, pods: readonly KubeObject[]): UserError {
    const [set] = pods[0]?.metadata.ownerReferences ?? [];
    const names = pods.map(({ metadata }) => metadata.name).sort();
    return new UserError({
      code: 'SEVERAL_DATABASES',
      message: `"${service}" has ${pods.length} pods (${names.join(', ')}), each with data of its own, and the app gets now one, now another`,
      hint: `${argv.typedKubectl(target)} scale statefulset/${set?.name} --replicas=1      (${names[0]} stays; the claims of the others stay as well)`,
    });
  }

  async function notRunning(service: string, pod: KubeObject | undefined): Promise<UserError> {
    const kubectl = argv.typedKubectl(target);
    const code = 'SERVICE_NOT_RUNNING';
    if (pod) {
      const why = waitingFor(pod);
      return new UserError({
        code,
        message: `the pod ${pod.metadata.name} of "${service}" does not run${why ? `: ${why}` : ''}`,
        hint: `${kubectl} describe pod ${pod.metadata.name}`,
      });
    }
    const operated = `${objectName(service)}-cluster`;
    if ((await cluster.list('pod', `cnpg.io/cluster=${operated}`)).length > 0) {
      return new UserError({
        code: 'DATABASE_OF_OPERATOR',
        message: `CloudNativePG runs "${service}", as the cluster ${operated}, with users and backups of its own`,
        hint: `${kubectl} cnpg backup ${operated}      (a dump: ${kubectl} exec service/${operated}-rw --container postgres -- pg_dump --format custom NAME > FILE, then: invctl db verify FILE --level 2)`,
      });
    }
    return new UserError({
      code,
      message: `no pod of "${service}" runs in the namespace ${target.namespace}`,
      hint: `${kubectl} get pods`,
    });
  }

  async function pipe(
    service: string,
    command: readonly string[],
    { env: variables = {}, input, output, signal: own }: PipeOptions,
  ): Promise<PipeResult> {
    const { pod, container } = await running(service);
    const told = withEnvironment(command, variables, input);
    let result: RunResult;
    try {
      result = await processes.run('kubectl', argv.exec(target, pod, container, told.command), {
        allowFailure: true,
        ownSession: true,
        signal: own ?? signal,
        ...(told.input === undefined ? {} : { input: told.input }),
        ...(output ? { output } : {}),
      });
    } catch (error) {
      throw explainKubectlError(error, target);
    }
    const { status, stdout, stderr } = result;
    if (status !== 0 && !EXIT_NOTE.test(stderr)) {
      // containerd does not start what is not there, and kubectl fails with its words.
      if (MISSING.test(stderr)) return { status: NOT_FOUND, stdout, stderr };
      throw execFailed(result, pod);
    }
    // Docker says so where the program's output would be.
    if (status !== 0 && MISSING.test(stdout)) return { status: NOT_FOUND, stdout: '', stderr: stdout };
    return { status, stdout, stderr: stderr.replace(EXIT_NOTE, '') };
  }

  /** The program in the pod may have ended well, or go on: kubectl does not know. */
  function execFailed(result: RunResult, pod: string): unknown {
    const error = explainKubectlError(failedCommand(result), target);
    if (error instanceof UserError && !(error instanceof CommandError)) return error;
    return new UserError({
      code: 'POD_GONE',
      message: `the connection into the pod ${pod} ended: ${outputTail(result.stderr, 3) || 'kubectl said nothing'}`,
      hint: `${argv.typedKubectl(target)} get pods, then the same command again`,
      exitCode: ExitCode.engineUnavailable,
      cause: error,
    });
  }

  async function exec(service: string, command: readonly string[], options: ExecOptions): Promise<number> {
    const { pod, container } = await running(service);
    const words = argv.exec(target, pod, container, command, { tty: options.tty ?? false });
    const { stdin, stdout } = options;
    return processes.passThrough('kubectl', words, {
      ...(stdin ? { stdin } : {}),
      ...(stdout ? { stdout } : {}),
    });
  }

  async function restart(services: readonly string[]): Promise<void> {
    const begun = new Map<string, string>();
    for (const service of services) {
      const [pod] = await podsOf(service);
      const kind = pod?.metadata.ownerReferences?.[0]?.kind === 'StatefulSet' ? 'statefulset' : 'deployment';
      const name = `${kind}/${objectName(service)}`;
      await processes.run('kubectl', argv.restart(target, name), { signal });
      begun.set(service, name);
    }
    const failed = [];
    for (const [service, name] of begun) if (!(await isReplaced(name))) failed.push(service);
    if (failed.length > 0) throw notReady(failed);
  }

  /** At first, the controller has not seen the restart, and the pods of before look ready. */
  async function isReplaced(name: string): Promise<boolean> {
    const [kind = '', object = ''] = name.split('/');
    for (const deadline = Date.now() + RESTART_MS; Date.now() < deadline; ) {
      const found = await cluster.get(kind, object);
      const { ready, failure } = found ? progressOf(found) : { ready: false };
      if (ready || failure) return ready;
      await delay(POLL_MS, undefined, { signal });
    }
    return false;
  }

  function notReady(services: readonly string[]): UserError {
    return new UserError({
      code: 'NOT_HEALTHY',
      message: `${services.join(', ')} did not get ready when it was started again`,
      hint: `${argv.typedKubectl(target)} get pods`,
      exitCode: ExitCode.unhealthy,
      details: { services: [...services] },
    });
  }

  return { of: podsOf, running, pipe, exec, restart };
}

/** A sidecar may come before it. */
function containerOf({ spec }: KubeObject, name: string): string | undefined {
  const containers = spec?.containers ?? [];
  return (containers.find((one) => one.name === name) ?? containers[0])?.name;
}

function isUp({ status }: KubeObject, container: string | undefined): boolean {
  const own = status?.containerStatuses?.find(({ name }) => name === container);
  return status?.phase === 'Running' && own?.state?.running !== undefined;
}

function waitingFor({ status }: KubeObject): string | undefined {
  const states = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const reason = states.flatMap(({ state }) => state?.waiting?.reason ?? state?.terminated?.reason ?? [])[0];
  const condition = status?.conditions?.find(({ status: is, message }) => is === 'False' && message);
  return reason ?? condition?.message ?? status?.reason;
}

/** Each pod of a StatefulSet has claims of its own. */
function hasDataOfItsOwn({ metadata }: KubeObject): boolean {
  return metadata.ownerReferences?.[0]?.kind === 'StatefulSet';
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
