import { CommandError, UserError } from '../../errors.js';
import type { ProcessRunner, RunOptions, RunResult } from '../../system/process.js';
import { failedCommand } from '../compose/docker.js';
import { appliedFields } from './applied-fields.js';
import * as argv from './argv.js';
import { explainKubectlError } from './errors.js';
import type { KubeObject } from './objects.js';

/**
 * A namespace of a cluster, reached through `kubectl`. Every method throws a UserError with exit code 3 if
 * the API server does not answer or does not accept the credentials.
 */
export interface Cluster {
  readonly target: argv.ClusterTarget;
  /**
   * Renders the objects of a Kustomize folder.
   * @throws UserError KUSTOMIZE_FAILED
   */
  render(folder: string): Promise<string>;
  /**
   * Returns undefined if there is none.
   * @throws UserError KUBE_FORBIDDEN
   */
  get(kind: string, name: string): Promise<KubeObject | undefined>;
  list(kind: string, selector?: string): Promise<KubeObject[]>;
  /**
   * Returns the objects of a kind; undefined if the credentials do not allow it, or the server does not know
   * the kind.
   * @param everywhere in every namespace
   */
  listIfAllowed(kind: string, options?: { everywhere?: boolean }): Promise<KubeObject[] | undefined>;
  /** Returns the context that it is reached by; undefined if the kubeconfig names none. */
  contextName(): Promise<string | undefined>;
  /** Returns those of the objects that exist. */
  existing(objects: readonly KubeObject[]): Promise<KubeObject[]>;
  /**
   * Returns what deployments have applied of a workload, with the values that it has now; undefined if somebody else
   * has applied it.
   */
  applied(workload: KubeObject): Promise<KubeObject | undefined>;
  /** Asks the server whether it would accept the objects: their fields, rights, quota, admission. */
  validate(objects: readonly KubeObject[], options?: { force?: boolean }): Promise<void>;
  apply(objects: readonly KubeObject[], options?: { force?: boolean }): Promise<void>;
  /** Returns a unified diff; empty if nothing would change. */
  diff(objects: readonly KubeObject[]): Promise<string>;
  /** @param names `Deployment/api` */
  remove(names: readonly string[]): Promise<void>;
  /** Returns the last lines of a container, those of its last end if it has ended. */
  logs(pod: string, container: string, lines: number): Promise<string[]>;
}

const LOG_TIMEOUT_MS = 20_000;

export function createCluster(
  processes: ProcessRunner,
  target: argv.ClusterTarget,
  signal: AbortSignal,
): Cluster {
  async function run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    try {
      return await processes.run('kubectl', args, { signal, ...options });
    } catch (error) {
      throw explainKubectlError(error, target);
    }
  }

  const asInput = (objects: readonly KubeObject[]) =>
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const itemsOf = (text: string): KubeObject[] => {
    if (text.trim() === '') return [];
    const found = JSON.parse(text) as KubeObject & { items?: KubeObject[] };
    return found.items ?? [found];
  };

  return {
    target,
    async render(folder) {
      const result = await run(argv.render(folder), { allowFailure: true });
      if (result.status === 0) return result.stdout;
      throw new UserError({
        code: 'KUSTOMIZE_FAILED',
        message: `kubectl cannot put the manifests together: ${result.stderr.trim().split('\n').at(-1)}`,
        hint: 'kubectl kustomize k8s/overlays/production      (your overlay does not fit the base)',
      });
    },
    async get(kind, name) {
      const result = await run(argv.get(target, [kind, name]), { allowFailure: true });
      if (result.status === 0) return itemsOf(result.stdout)[0];
      if (/\(NotFound\)/.test(result.stderr)) return undefined;
      throw explainKubectlError(failedCommand(result), target);
    },
    async list(kind, selector) {
      const words = selector === undefined ? [kind] : [kind, `--selector=${selector}`];
      return itemsOf((await run(argv.get(target, words))).stdout);
    },
    async listIfAllowed(kind, { everywhere = false } = {}) {
      const words = everywhere ? [kind, '--all-namespaces'] : [kind];
      const result = await run(argv.get(target, words), { allowFailure: true });
      if (result.status === 0) return itemsOf(result.stdout);
      if (/\(Forbidden\)|\(NotFound\)|doesn't have a resource type/.test(result.stderr)) return undefined;
      throw explainKubectlError(failedCommand(result), target);
    },
    async contextName() {
      if (target.context !== undefined) return target.context;
      const result = await run(argv.currentContext(), { allowFailure: true });
      return result.status === 0 ? result.stdout.trim() || undefined : undefined;
    },
    async existing(objects) {
      if (objects.length === 0) return [];
      return itemsOf((await run(argv.getFromInput(target), { input: asInput(objects) })).stdout);
    },
    async applied(workload) {
      const { stdout } = await run(argv.getRaw(target, workload));
      return appliedFields(JSON.parse(stdout) as KubeObject, argv.FIELD_MANAGER);
    },
    async validate(objects, { force = false } = {}) {
      await run(argv.apply(target, { dryRun: true, force }), { input: asInput(objects) });
    },
    async apply(objects, { force = false } = {}) {
      await run(argv.apply(target, { force }), { input: asInput(objects) });
    },
    async diff(objects) {
      const result = await run(argv.diff(target), { input: asInput(objects), allowFailure: true });
      if (result.status === 0 || (result.status === 1 && result.stdout !== '')) return result.stdout;
      throw explainKubectlError(failedCommand(result), target);
    },
    async remove(names) {
      if (names.length > 0) await run(argv.remove(target, names));
    },
    async logs(pod, container, lines) {
      const options = { allowFailure: true, timeoutMs: LOG_TIMEOUT_MS };
      for (const previous of [true, false]) {
        const result = await run(argv.logs(target, pod, { container, lines, previous }), options);
        const said = result.status === 0 ? result.stdout.split('\n').filter((line) => line.trim()) : [];
        if (said.length > 0) return said.slice(-lines);
      }
      return [];
    },
  };
}

/** Returns the server's last message, if it refused a request. */
export function kubectlRefusal(error: unknown): string {
  if (error instanceof CommandError) {
    return error.stderrTail.trim().split('\n').slice(-3).join('\n') || error.message;
  }
  return error instanceof Error ? error.message : String(error);
}
