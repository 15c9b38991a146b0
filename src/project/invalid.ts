import { ExitCode, UserError } from '../errors.js';
import type { Position, TreeNode } from './tree.js';

/** Makes the error for a project that Compose refuses, with the place of the mistake: exit code 4. */
export function invalidProject(
  code: string,
  message: string,
  at: Position | undefined,
  hint?: string,
): UserError {
  return new UserError({
    code,
    message,
    exitCode: ExitCode.projectInvalid,
    ...(at ? { file: at.file, line: at.line } : {}),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** `- *list`: an alias is one entry, whatever it refers to. */
export function listInList(at: Position): UserError {
  return invalidProject(
    'COMPOSE_INVALID',
    'there is a list inside a list: YAML does not join them, and Compose accepts only plain entries here',
    at,
    'write the entries out; an alias of a list fits behind the key only: `volumes: *list`',
  );
}

/**
 * Refuses a value of the wrong kind.
 * @param path keys and indices from the top of the file, as `services.web.ports[0]`
 * @param expected the kinds that are allowed
 */
export function refuse(node: TreeNode, path: string, expected: readonly string[]): never {
  if (node.kind === 'list' && path.endsWith(']')) throw listInList(node.at);
  throw invalidProject(
    'COMPOSE_INVALID',
    `${path} must be ${inWords([...new Set(expected)])}`,
    node.at,
    `it is ${typeName(node)}`,
  );
}

/** Returns the path of a key in the mapping at `path`. */
export function joinPath(path: string, key: string): string {
  return path ? `${path}.${key}` : key;
}

function inWords(alternatives: string[]): string {
  const last = alternatives.pop() as string;
  return alternatives.length > 0 ? `${alternatives.join(', ')} or ${last}` : last;
}

function typeName(node: TreeNode): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a mapping' : 'a list';
  if (node.value === null) return 'an empty value';
  return typeof node.value === 'bigint' ? 'a number' : `a ${typeof node.value}`;
}
