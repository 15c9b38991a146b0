/** A place in a compose file: keys from the root, `[]` for the entries of a list. */
export type TreePath = readonly string[];

/** Whether a path fits a dotted pattern in which `*` is any one key. */
export function matches(path: TreePath, pattern: string): boolean {
  const parts = pattern.split('.');
  return parts.length === path.length && parts.every((part, index) => part === '*' || part === path[index]);
}

/** The value of the pattern that a path fits. */
export function matching<T>(path: TreePath, table: ReadonlyMap<string, T>): T | undefined {
  for (const [pattern, value] of table) if (matches(path, pattern)) return value;
  return undefined;
}
