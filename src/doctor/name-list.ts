/** How many names a message shows. */
const TOLD = 6;

/** Names for a message: all of them when there are few, else the first ones and the number of the others. */
export function nameList(names: readonly string[]): string {
  if (names.length <= TOLD) return names.join(', ');
  return `${names.slice(0, TOLD - 1).join(', ')} and ${names.length - TOLD + 1} more`;
}
