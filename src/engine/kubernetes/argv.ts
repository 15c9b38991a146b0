import { shellWord } from '../../system/argv.js';

/** Every argument vector for `kubectl` that invctl runs. Pure: each function returns the words after `kubectl`. */

export interface ClusterTarget {
  /** Context of the kubeconfig; absent: its current one. */
  context?: string;
  namespace: string;
}

/** Owner of the fields that a deployment sets. */
export const FIELD_MANAGER = 'invctl';
const MANAGER = `--field-manager=${FIELD_MANAGER}`;
/** kubectl's own time limit for a server that does not answer is too long. */
const TIMEOUT = '--request-timeout=30s';

function at({ context, namespace }: ClusterTarget, ...words: readonly string[]): string[] {
  return [...(context === undefined ? [] : ['--context', context]), '--namespace', namespace, ...words];
}

/** `kubectl` for the context and the namespace, to be typed. */
export function typedKubectl({
  context,
  namespace,
}: {
  context?: string | undefined;
  namespace?: string;
}): string {
  return [
    'kubectl',
    ...(context === undefined ? [] : ['--context', shellWord(context)]),
    ...(namespace === undefined ? [] : ['--namespace', namespace]),
  ].join(' ');
}

export function render(folder: string): string[] {
  return ['kustomize', folder];
}

export function currentContext(): string[] {
  return ['config', 'current-context'];
}

export function get(target: ClusterTarget, words: readonly string[]): string[] {
  return at(target, 'get', ...words, '--output=json', TIMEOUT);
}

/**
 * Gets an object as the API server has it. kubectl leaves `managedFields` out of every other output since 1.21,
 * unless a flag asks for them that 1.20 does not know.
 */
export function getRaw(
  target: ClusterTarget,
  { apiVersion, kind, metadata }: { apiVersion: string; kind: string; metadata: { name: string } },
): string[] {
  const plural = `${kind.toLowerCase()}s`;
  const path = `/apis/${apiVersion}/namespaces/${target.namespace}/${plural}/${metadata.name}`;
  return at(target, 'get', `--raw=${path}`, TIMEOUT);
}

/** Gets those of the objects on standard input that exist. */
export function getFromInput(target: ClusterTarget): string[] {
  return at(target, 'get', '--filename=-', '--ignore-not-found', '--output=json', TIMEOUT);
}

/** The objects come from standard input, those with secrets too. */
export function apply(
  target: ClusterTarget,
  { dryRun, force }: { dryRun?: boolean; force?: boolean } = {},
): string[] {
  return at(
    target,
    'apply',
    '--server-side',
    MANAGER,
    ...(dryRun ? ['--dry-run=server'] : []),
    ...(force ? ['--force-conflicts'] : []),
    '--output=name',
    '--filename=-',
    TIMEOUT,
  );
}

/** Exit status 1 means that there are differences. */
export function diff(target: ClusterTarget): string[] {
  return at(target, 'diff', '--server-side', MANAGER, '--force-conflicts', '--filename=-');
}

/** @param names `deployment.apps/api` */
export function remove(target: ClusterTarget, names: readonly string[]): string[] {
  return at(target, 'delete', '--ignore-not-found', '--wait=false', ...names, TIMEOUT);
}

export function logs(
  target: ClusterTarget,
  pod: string,
  { container, lines, previous }: { container: string; lines: number; previous: boolean },
): string[] {
  return at(
    target,
    'logs',
    pod,
    `--container=${container}`,
    `--tail=${lines}`,
    ...(previous ? ['--previous'] : []),
    TIMEOUT,
  );
}

export function exec(
  target: ClusterTarget,
  pod: string,
  container: string,
  command: readonly string[],
  { tty = false }: { tty?: boolean } = {},
): string[] {
  return at(
    target,
    'exec',
    '--stdin',
    ...(tty ? ['--tty'] : []),
    pod,
    `--container=${container}`,
    '--',
    ...command,
  );
}

/** @param name `deployment/api` */
export function restart(target: ClusterTarget, name: string): string[] {
  return at(target, 'rollout', 'restart', name, TIMEOUT);
}
