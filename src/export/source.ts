import type { LoadedProject } from '../project/loaded-project.js';
import type { ComposeProject } from '../project/model.js';
import { maskData, maskText } from '../project/secret-values.js';
import type { Position, TreeMap, TreeNode } from '../project/tree.js';
import { mapAt } from '../project/tree.js';
import { isSecretName } from '../system/secret.js';

/** Input of an export: the project as Compose resolves it, and the roles of its services. */
export interface ExportSource {
  loaded: LoadedProject;
  project: ComposeProject;
  /** The PostgreSQL service. */
  database?: string;
  /** Values that must not be written. */
  secrets: readonly string[];
}

/** A setting that an orchestrator does not support in the compose file's form. */
export interface Loss {
  /** `lost`: it has no counterpart. `changed`: it has another form or effect. */
  kind: 'lost' | 'changed';
  /** `services.api.security_opt`. */
  key: string;
  message: string;
  /** Absolute path. */
  file: string;
  /** 1-based. */
  line: number;
}

/** A secret value that no file may contain: it must be given as a variable at the deployment. */
export interface SecretVariable {
  service: string;
  /** Name in the container. */
  name: string;
  /** Name in the exported file. */
  asked: string;
}

/** Collects losses in the order in which they are found. */
export class Losses {
  readonly all: Loss[] = [];

  lost(key: string, { at }: { at: Position }, message: string): void {
    this.all.push({ kind: 'lost', key, message, ...at });
  }

  changed(key: string, { at }: { at: Position }, message: string): void {
    this.all.push({ kind: 'changed', key, message, ...at });
  }
}

/** Returns the tree of a service, in which the reader has replaced short forms by long ones. */
export function serviceTree({ loaded }: ExportSource, service: string): TreeMap {
  return mapAt(loaded.tree, 'services', service) as TreeMap;
}

/** Returns the keys of a mapping without extension fields (`x-…`). */
export function keysOf(node: TreeNode | undefined): [string, TreeNode][] {
  return node?.kind === 'map' ? [...node.entries].filter(([key]) => !key.startsWith('x-')) : [];
}

/**
 * Returns the variables of a service with a secret: by their name, or because their value contains a secret
 * of the project.
 */
export function secretVariables({ project, secrets }: ExportSource, service: string): Set<string> {
  const variables = Object.entries(project.services[service]?.environment ?? {});
  return new Set(
    variables
      .filter(([name, value]) => value && (isSecretName(name) || maskText(value, secrets) !== value))
      .map(([name]) => name),
  );
}

/** Whether a text contains a secret. */
export function holdsSecret({ secrets }: ExportSource, text: string): boolean {
  return secrets.some((secret) => text.includes(secret));
}

/** Returns data with the secrets in its texts removed; each such text is among the losses. */
export function withoutSecrets<T>(
  source: ExportSource,
  losses: Losses,
  data: T,
  key: string,
  node: TreeNode,
): T {
  const found = new Set<string>();
  const visit = (value: unknown, path: string) => {
    if (typeof value === 'string' && holdsSecret(source, value)) found.add(path);
    if (typeof value !== 'object' || value === null) return;
    for (const [name, one] of Object.entries(value)) visit(one, `${path}.${name}`);
  };
  visit(data, key);
  if (found.size === 0) return data;
  for (const path of found)
    losses.lost(path, node, 'a secret is in it, and stays out: it has to come in another way');
  return maskData(data, source.secrets);
}

/** Returns services that end by themselves: another one waits for their success. */
export function oneShots({ project }: ExportSource): Set<string> {
  const waited = Object.values(project.services).flatMap(({ dependsOn }) => Object.entries(dependsOn));
  return new Set(
    waited
      .filter(([, { condition }]) => condition === 'service_completed_successfully')
      .map(([name]) => name),
  );
}
