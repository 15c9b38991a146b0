import { PassThrough, type Readable } from 'node:stream';
import { UserError } from '../../errors.js';
import type { ProcessRunner } from '../../system/process.js';
import { isSecretName } from '../../system/secret.js';
import type { ExecOptions, PipeOptions, PipeResult } from '../engine.js';
import * as argv from './argv.js';
import { createCluster } from './cluster.js';
import { explainKubectlError } from './errors.js';
import type { KubeObject } from './objects.js';

const COMPONENT = 'app.kubernetes.io/component';
/** The note that kubectl adds to the output of a program that failed. */
const EXIT_NOTE = /^command terminated with exit code \d+\n?/gm;

/** The pods of the services in a namespace; programs run in the first container of the newest one. */
export interface Pods {
  /** Newest first. */
  of(service: string): Promise<KubeObject[]>;
  /** @throws UserError SERVICE_NOT_RUNNING */
  running(service: string): Promise<{ pod: string; container: string }>;
  pipe(service: string, command: readonly string[], options: PipeOptions): Promise<PipeResult>;
  exec(service: string, command: readonly string[], options: ExecOptions): Promise<number>;
  /** Makes the controller replace the pods of a service. */
  restart(service: string): Promise<void>;
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
    const pod = (await podsOf(service)).find(({ status }) => status?.phase === 'Running');
    const [container] = pod?.spec?.containers ?? [];
    if (pod && container) return { pod: pod.metadata.name, container: container.name };
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
    const { pod, container } = await running(service);
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
      throw explainKubectlError(error, target);
    }
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

  async function restart(service: string): Promise<void> {
    const [pod] = await podsOf(service);
    const kind = pod?.metadata.ownerReferences?.[0]?.kind === 'StatefulSet' ? 'statefulset' : 'deployment';
    await processes.run('kubectl', argv.restart(target, `${kind}/${objectName(service)}`));
  }

  return { of: podsOf, running, pipe, exec, restart };
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
