/** A place in a compose file: keys from the root, `[]` for the entries of a list. */
export type TreePath = readonly string[];

/** Values by dotted pattern, in which `*` matches any one key. */
export type PatternTable<T> = readonly { parts: readonly string[]; value: T }[];

export function patternTable<T>(entries: readonly (readonly [pattern: string, value: T])[]): PatternTable<T> {
  return entries.map(([pattern, value]) => ({ parts: pattern.split('.'), value }));
}

/** Returns the value of the first pattern that matches a path. */
export function matching<T>(path: TreePath, table: PatternTable<T>): T | undefined {
  return table.find(
    ({ parts }) =>
      parts.length === path.length && parts.every((part, index) => part === '*' || part === path[index]),
  )?.value;
}
