/** How many names a message tells. */
const TOLD = 6;

/** Names for a message: all of them where they are few, else the first ones and how many more there are. */
export function nameList(names: readonly string[]): string {
  if (names.length <= TOLD) return names.join(', ');
  return `${names.slice(0, TOLD - 1).join(', ')} and ${names.length - TOLD + 1} more`;
}
