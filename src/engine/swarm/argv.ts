import { LABEL_STACK } from '../labels.js';

/**
 * Every argument vector for `docker` that addresses a Swarm. Pure: each function returns the words after
 * `docker`.
 */

export function swarmState(): string[] {
  return ['info', '--format', '{{json .Swarm}}'];
}

/** Prints `true ID` for the node of this engine, and `false ID` for each other one. */
export function nodeIds(): string[] {
  return ['node', 'ls', '--format', '{{.Self}} {{.ID}}'];
}

export function inspectNodes(ids: readonly string[]): string[] {
  return ['node', 'inspect', ...ids];
}

export function labelNode(id: string, label: string): string[] {
  return ['node', 'update', '--label-add', label, id];
}

export function secretIds(): string[] {
  return ['secret', 'ls', '--quiet'];
}

export function inspectSecrets(ids: readonly string[]): string[] {
  return ['secret', 'inspect', ...ids];
}

/** The value comes from standard input, because every user of the machine can read a command line. */
export function createSecret(name: string, labels: Readonly<Record<string, string>>): string[] {
  const words = Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
  return ['secret', 'create', ...words, name, '-'];
}

export function removeSecret(name: string): string[] {
  return ['secret', 'rm', name];
}

export function serviceIds(stack: string): string[] {
  return ['service', 'ls', '--quiet', '--filter', `label=${LABEL_STACK}=${stack}`];
}

export function serviceImages(): string[] {
  return ['service', 'ls', '--format', '{{.Image}}'];
}

export function defaultLogDriver(): string[] {
  return ['info', '--format', '{{.LoggingDriver}}'];
}

export function inspectServices(ids: readonly string[]): string[] {
  return ['service', 'inspect', ...ids];
}

/** Replaces the tasks of a service by new ones of the same definition, and waits for them. */
export function restartService(service: string): string[] {
  return ['service', 'update', '--quiet', '--detach=false', '--force', service];
}

/** Lists the running containers of a service's tasks on this engine, newest first. */
export function taskContainers(service: string): string[] {
  return ['ps', '--quiet', '--no-trunc', '--filter', `label=com.docker.swarm.service.name=${service}`];
}

export function taskIds(services: readonly string[]): string[] {
  return ['service', 'ps', '--quiet', '--no-trunc', ...services];
}

/** Prints `ID State` for each task of the nodes, with the state that the Swarm wants. */
export function nodeTasks(nodes: readonly string[]): string[] {
  return ['node', 'ps', '--no-trunc', '--format', '{{.ID}} {{.DesiredState}}', ...nodes];
}

export function inspectTasks(ids: readonly string[]): string[] {
  return ['inspect', '--type', 'task', ...ids];
}

/**
 * The file pins its images, so the client has nothing to look up. It returns as soon as the Swarm has
 * accepted the file.
 */
export function deployStack(stack: string, file: string): string[] {
  return [
    'stack',
    'deploy',
    '--detach=true',
    '--resolve-image=never',
    '--with-registry-auth',
    '--compose-file',
    file,
    stack,
  ];
}

export function rollBack(service: string): string[] {
  return ['service', 'rollback', '--detach', '--quiet', service];
}

export function removeServices(names: readonly string[]): string[] {
  return ['service', 'rm', ...names];
}

export function removeStack(stack: string): string[] {
  return ['stack', 'rm', stack];
}

export function taskLogs(task: string, tail: number): string[] {
  return ['service', 'logs', '--raw', '--tail', String(tail), task];
}

export function healthOf(container: string): string[] {
  return ['container', 'inspect', container];
}

/** Gets the digest of an image name in its registry. */
export function registryDigest(image: string): string[] {
  return ['buildx', 'imagetools', 'inspect', '--format', '{{json .Manifest}}', image];
}

export function inspectImage(image: string): string[] {
  return ['image', 'inspect', image];
}

/** Prints, among other lines, `Digest: sha256:…`. */
export function pullImage(image: string): string[] {
  return ['pull', image];
}

export function tagImage(id: string, name: string): string[] {
  return ['tag', id, name];
}
