/** A place in a file. */
export interface Position {
  /** Absolute path. */
  file: string;
  /** 1-based. */
  line: number;
}

/** A YAML integer is a `bigint`, a YAML float a `number`: Compose prints them differently. */
export type ScalarValue = string | number | bigint | boolean | null;

/** A value of a compose file with its place. */
export type TreeNode = TreeMap | TreeList | TreeScalar;

export interface TreeMap {
  kind: 'map';
  entries: Map<string, TreeNode>;
  at: Position;
}

export interface TreeList {
  kind: 'list';
  items: TreeNode[];
  at: Position;
}

export interface TreeScalar {
  kind: 'scalar';
  value: ScalarValue;
  at: Position;
  /** The variables of its `${…}`, after interpolation. */
  references?: Reference[];
  /** The path as written in the file, if it was made absolute. */
  written?: string;
  /** Earlier definitions of the same list entry, which this one replaced, nearest first. */
  replaced?: TreeScalar[];
}

/** A `${…}` in a template and its value. */
export interface Reference {
  /** The variable's name. */
  name: string;
  /** Undefined if the variable is not set. */
  value: string | undefined;
}

export function mapNode(at: Position, entries: Iterable<readonly [string, TreeNode]> = []): TreeMap {
  return { kind: 'map', entries: new Map(entries), at };
}

export function listNode(at: Position, items: TreeNode[]): TreeList {
  return { kind: 'list', items, at };
}

export function scalarNode(at: Position, value: ScalarValue): TreeScalar {
  return { kind: 'scalar', value, at };
}

export function isNull(node: TreeNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}

/** Returns the node at a path of map keys, or undefined if a part is absent or not a map. */
function at(node: TreeNode | undefined, ...path: string[]): TreeNode | undefined {
  let current = node;
  for (const key of path) {
    if (current?.kind !== 'map') return undefined;
    current = current.entries.get(key);
  }
  return current;
}

/** Returns the map at a path, or undefined. */
export function mapAt(node: TreeNode | undefined, ...path: string[]): TreeMap | undefined {
  const found = at(node, ...path);
  return found?.kind === 'map' ? found : undefined;
}

/** Returns the text at a path; undefined if there is none or it is not a string. */
export function textAt(node: TreeNode | undefined, ...path: string[]): string | undefined {
  const found = at(node, ...path);
  return found?.kind === 'scalar' && typeof found.value === 'string' ? found.value : undefined;
}

/** Returns the path at a key as written in its file, before it was made absolute. */
export function writtenAt(node: TreeNode | undefined, ...path: string[]): string | undefined {
  const found = at(node, ...path);
  return found?.kind === 'scalar' ? found.written : undefined;
}

/** Returns a copy that shares only positions with the original. */
export function cloneTree<T extends TreeNode>(node: T): T {
  if (node.kind === 'map') {
    return { ...node, entries: new Map([...node.entries].map(([key, value]) => [key, cloneTree(value)])) };
  }
  if (node.kind === 'list') return { ...node, items: node.items.map((item) => cloneTree(item)) };
  return { ...node };
}

/** Returns plain data without positions, like the result of `JSON.parse`. */
export function plain(node: TreeNode): unknown {
  if (node.kind === 'map') {
    return Object.fromEntries([...node.entries].map(([key, value]) => [key, plain(value)]));
  }
  if (node.kind === 'list') return node.items.map(plain);
  return typeof node.value === 'bigint' ? Number(node.value) : node.value;
}
