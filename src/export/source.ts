import type { LoadedProject } from '../project/loaded-project.js';
import type { ComposeProject } from '../project/model.js';
import { maskData, maskText } from '../project/secret-values.js';
import type { Position, TreeMap, TreeNode } from '../project/tree.js';
import { mapAt } from '../project/tree.js';
import { isSecretName } from '../system/secret.js';

/** What is written for an orchestrator: the project as Compose understands it, and which services have a role. */
export interface ExportSource {
  loaded: LoadedProject;
  project: ComposeProject;
  /** Service that is the PostgreSQL. */
  database?: string;
  /** Values that nothing written may hold. */
  secrets: readonly string[];
}

/** Something that an orchestrator does not take as the compose file has it. */
export interface Loss {
  /** `lost`: it has no counterpart. `changed`: it is there in another form, or works in another way. */
  kind: 'lost' | 'changed';
  /** `services.api.security_opt`. */
  key: string;
  message: string;
  /** Absolute path. */
  file: string;
  /** 1-based. */
  line: number;
}

/** A value that no file may hold: whoever deploys gives it as a variable. */
export interface SecretVariable {
  service: string;
  /** Name in the container. */
  name: string;
  /** Name that the exported file asks for. */
  asked: string;
}

/** Gathers what is lost, in the order in which it is found. */
export class Losses {
  readonly all: Loss[] = [];

  lost(key: string, { at }: { at: Position }, message: string): void {
    this.all.push({ kind: 'lost', key, message, ...at });
  }

  changed(key: string, { at }: { at: Position }, message: string): void {
    this.all.push({ kind: 'changed', key, message, ...at });
  }
}

/** The tree of a service, in the long forms that the reader makes of every short one. */
export function serviceTree({ loaded }: ExportSource, service: string): TreeMap {
  return mapAt(loaded.tree, 'services', service) as TreeMap;
}

/** The keys of a mapping, without what the file keeps for itself (`x-…`). */
export function keysOf(node: TreeNode | undefined): [string, TreeNode][] {
  return node?.kind === 'map' ? [...node.entries].filter(([key]) => !key.startsWith('x-')) : [];
}

/** Which variables of a service hold a secret: by their name, or by a value that a secret of the project is a part of. */
export function secretVariables({ project, secrets }: ExportSource, service: string): Set<string> {
  const variables = Object.entries(project.services[service]?.environment ?? {});
  return new Set(
    variables
      .filter(([name, value]) => value && (isSecretName(name) || maskText(value, secrets) !== value))
      .map(([name]) => name),
  );
}

/** Whether a secret is a part of a text. */
export function holdsSecret({ secrets }: ExportSource, text: string): boolean {
  return secrets.some((secret) => text.includes(secret));
}

/** Data without the secrets that are a part of its texts; each text that had one is among the losses. */
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

/** Services that end by themselves: another one waits for their success. */
export function oneShots({ project }: ExportSource): Set<string> {
  const waited = Object.values(project.services).flatMap(({ dependsOn }) => Object.entries(dependsOn));
  return new Set(
    waited
      .filter(([, { condition }]) => condition === 'service_completed_successfully')
      .map(([name]) => name),
  );
}
